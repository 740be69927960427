"""What is kept of a column on a grid: whole numbers for each bin that add up, and how to make and to add them."""

from dataclasses import dataclass, field, replace

import numpy as np

from mlmon_dagster.drift.column import BLOCK, Column
from mlmon_dagster.drift.grid import LIMIT, Grid
from mlmon_dagster.drift.search import Array, at_most
from mlmon_dagster.errors import DataError

LIMB = 24
"""Sums are kept as two whole numbers: high * 2**24 + low."""


@dataclass(frozen=True, eq=False)
class Bins:
    """The sums of a column's values in each bin of a grid, in its units; the rows stand in the column's `weights`."""

    grid: Grid
    sums: Array = field(repr=False)
    """High and low part of each bin's sum (int64, shape (2, bins))."""
    total: int
    """Sum of all values."""
    square_total: int
    """Sum of their squares."""
    rows: int
    low: float | int | None
    """Smallest value; None without any."""
    high: float | int | None
    clipped: int = 0
    """Rows that lie further away than the fixed point reaches."""
    whole: bool = True
    """Whether no value lies between two whole numbers."""

    @property
    def moments(self) -> tuple[int | float, float, float]:
        """The origin, the mean's distance from it, and the population standard deviation; NaN without a row.

        Where rows were clipped, the distance is at least that far and the deviation at least that large.
        """
        if not self.rows:
            return self.grid.origin, float("nan"), float("nan")
        mean = self.total / self.rows
        variance = (self.square_total * self.rows - self.total**2) / self.rows**2
        return self.grid.origin, mean * self.grid.unit, float(np.sqrt(max(variance, 0.0))) * self.grid.unit

    @property
    def summed(self) -> Array:
        """Sum of the values' distances from the origin, for each bin."""
        return np.asarray((self.sums[0] * 2.0**LIMB + self.sums[1]) * self.grid.unit)


def binned(column: Column, grid: Grid) -> Column:
    """The column known only in the bins of a grid; `DataError` where it is already known in those of another."""
    if column.bins is not None:
        if not column.bins.grid.same(grid):
            raise DataError(
                f"column {column.name!r} is counted on another grid, so it cannot be compared or added",
                hint="profile both with the grid of one reference: mlmon profile build --like REFERENCE",
            )
        return column
    for kept, on_it in column.kept:
        if kept is grid:
            return on_it
    on_it = _counted(column, grid)
    column.kept.append((grid, on_it))
    return on_it


def _counted(column: Column, grid: Grid) -> Column:
    values, weights = column.ascending, column.weights
    places = np.concatenate([[0], at_most(column.ascending, grid.edges), [len(values)]])
    rows = np.diff(places) if weights is None else np.diff(column.ends[places])
    sums, squares, clipped = _sums(values, weights, places, grid)
    total = int(sums[0].sum()) * 2**LIMB + int(sums[1].sum())
    low, high = (values[0].item() + 0, values[-1].item() + 0) if len(values) else (None, None)
    whole = grid.edges.dtype.kind == "f" or values.dtype.kind != "f" or bool((np.floor(values) == values).all())
    bins = Bins(grid, sums, total, squares, column.present, low, high, clipped, whole)
    return replace(column, ascending=upper_ends(grid), weights=rows, bins=bins, kept=[])


def on_one_grid(reference: Column, window: Column) -> tuple[Column, Column]:
    """Both in bins: those of the reference, unless only the window is known in bins."""
    grid = window.grid if reference.exact and not window.exact else reference.grid
    return binned(reference, grid), binned(window, grid)


def upper_ends(grid: Grid) -> Array:
    """The upper end of each bin; the last one, which has none, is given the next number after the last edge."""
    last = grid.edges[-1:]
    return np.concatenate([grid.edges, np.nextafter(last, np.inf) if last.dtype.kind == "f" else last + 1])


def merged(one: Column, two: Column) -> Column:
    """Both columns together; they must be known in bins of one grid. Whole numbers are added, so order is nothing."""
    assert one.bins is not None  # noqa: S101 - callers bin first
    two = binned(two, one.bins.grid)
    first, second = one.bins, two.bins
    assert second is not None  # noqa: S101 - binned
    assert one.weights is not None and two.weights is not None  # noqa: S101, PT018 - binned
    lows = [bins.low for bins in (first, second) if bins.low is not None]
    highs = [bins.high for bins in (first, second) if bins.high is not None]
    bins = Bins(
        first.grid,
        _carried(first.sums + second.sums),
        first.total + second.total,
        first.square_total + second.square_total,
        first.rows + second.rows,
        min(lows, default=None),
        max(highs, default=None),
        first.clipped + second.clipped,
        first.whole and second.whole,
    )
    return replace(
        one,
        weights=one.weights + two.weights,
        missing=one.missing + two.missing,
        infinite=one.infinite + two.infinite,
        minus_infinite=one.minus_infinite + two.minus_infinite,
        squares=added_squares(one, two),
        bins=bins,
        kept=[],
    )


def added_squares(one: Column, two: Column) -> int | None:
    """Sum of squared weights of both; an unweighted row has the weight 1."""
    if one.squares is None and two.squares is None:
        return None
    return sum(column.present if column.squares is None else column.squares for column in (one, two))


def _sums(values: Array, weights: Array | None, places: Array, grid: Grid) -> tuple[Array, int, int]:
    """Each bin's sum, the sum of squares, and how many rows were clipped; exact whole numbers throughout.

    A float64 holds whole numbers up to 2**53, so sums of a block in units of at most 2**31 are exact, in any order.
    """
    sums = np.zeros((2, len(places) - 1), dtype=np.int64)
    squares = clipped = 0
    for start in range(0, len(values), BLOCK):
        stop = min(start + BLOCK, len(values))
        units = grid.fixed(values[start:stop])
        if max(-units[0], units[-1]) >= LIMIT:
            outside = np.abs(units) >= LIMIT
            clipped += int(outside.sum() if weights is None else weights[start:stop][outside].sum())
        first, last = np.searchsorted(places, (start, stop - 1), side="right") - 1
        bins = np.arange(first, last + 1)
        begins = np.maximum(places[bins], start) - start
        filled = np.concatenate([begins[1:], [stop - start]]) > begins
        if weights is None:
            squares += _add(sums, bins[filled], begins[filled], units)
        else:
            squares += _add_weighted(sums, bins[filled], begins[filled], units, weights[start:stop])
    return _carried(sums), squares, clipped


def _add(sums: Array, bins: Array, begins: Array, units: Array) -> int:
    """Adds a block's units to the bins they begin at; gives the sum of their squares."""
    if max(-units[0], units[-1]) <= 2.0**31:
        sums[1, bins] += np.add.reduceat(units, begins).astype(np.int64)
        return _squares(units, 2)
    high = np.floor(units * 2.0**-LIMB)
    sums[0, bins] += np.add.reduceat(high, begins).astype(np.int64)
    sums[1, bins] += np.add.reduceat(units - high * 2.0**LIMB, begins).astype(np.int64)
    return _squares(units, 4)


def _squares(units: Array, limbs: int) -> int:
    """Sum of the squares of whole numbers, in limbs of 16 bits whose products' sums float64 holds exactly."""
    parts = []
    for _ in range(limbs - 1):
        rest = np.floor(units * 2.0**-16)
        parts.append(units - rest * 2.0**16)
        units = rest
    parts.append(units)
    return sum(int(np.dot(a, b)) << 16 * (i + j) for i, a in enumerate(parts) for j, b in enumerate(parts))


def _add_weighted(sums: Array, bins: Array, begins: Array, units: Array, weights: Array) -> int:
    whole, heavy = units.astype(np.int64).astype(object), weights.astype(object)
    weighed = np.add.reduceat(whole * heavy, begins)
    sums[0, bins] += np.array([int(value) >> LIMB for value in weighed], dtype=np.int64)
    sums[1, bins] += np.array([int(value) & (1 << LIMB) - 1 for value in weighed], dtype=np.int64)
    return int(np.dot(whole * heavy, whole))


def _carried(sums: Array) -> Array:
    """The same sums with a low part within 2**24, so that equal sums have equal bytes."""
    return np.stack([sums[0] + (sums[1] >> LIMB), sums[1] & ((1 << LIMB) - 1)])
