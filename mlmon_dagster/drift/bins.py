"""What is kept of a column on a grid: whole numbers for each bin that add up, and how to make and to add them."""

from dataclasses import dataclass, field

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.fixed_point import LIMB, carried, sums
from mlmon_dagster.drift.grid import Grid
from mlmon_dagster.drift.search import Array
from mlmon_dagster.drift.units import counted
from mlmon_dagster.errors import DataError

NUMBERS = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
)  # fmt: skip
"""Types of numbers, narrow ones first."""


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
    return column.once(("bins", grid), lambda: _counted(column, grid))


def ends_on(column: Column, grid: Grid) -> Array:
    """How many present rows are at or below each edge of a grid, from 0 for none to all (int64)."""
    if column.bins is not None:
        return binned(column, grid).ends
    return column.once(("ends", grid), lambda: _ends(column, grid))


def is_whole(column: Column, grid: Grid) -> bool:
    """Whether no value lies between two whole numbers; it matters only where the grid's edges are whole."""
    if column.bins is not None:
        return column.bins.whole
    values = column.ascending
    return grid.edges.dtype.kind == "f" or values.dtype.kind != "f" or bool((np.floor(values) == values).all())


def _ends(column: Column, grid: Grid) -> Array:
    return np.concatenate([[0], column.at_most(grid.edges), [column.present]])


def _counted(column: Column, grid: Grid) -> Column:
    rows = column.unsorted
    known = None if rows is None else counted(rows, grid)
    low: float | int | None = None
    high: float | int | None = None
    if known is not None and rows is not None:
        ends, found, low, high = known.ends, known.sums, rows.low, rows.high
    else:
        values, ends = column.ascending, ends_on(column, grid)
        places = ends if column.weights is None else np.searchsorted(column.ends, ends)
        found = sums(values, column.weights, places, grid)
        if len(values):
            low, high = values[0].item() + 0, values[-1].item() + 0
    whole = grid.edges.dtype.kind == "f" or is_whole(column, grid)
    bins = Bins(grid, found.by_bin, found.total, found.square_total, column.present, low, high, found.clipped, whole)
    return column.but(ascending=upper_ends(grid), weights=np.diff(ends), bins=bins)


def grid_of(reference: Column, window: Column) -> Grid:
    """The grid that two columns are compared on: the reference's, unless only the window is known in bins."""
    return window.grid if reference.exact and not window.exact else reference.grid


def on_one_grid(reference: Column, window: Column) -> tuple[Column, Column]:
    """Both in bins."""
    grid = grid_of(reference, window)
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
    ends = [end for bins in (first, second) for end in (bins.low, bins.high) if end is not None]
    if any(isinstance(end, float) for end in ends):  # of whole numbers and others: whichever comes first
        ends = [float(end) for end in ends]
    bins = Bins(
        first.grid,
        carried(first.sums + second.sums),
        first.total + second.total,
        first.square_total + second.square_total,
        first.rows + second.rows,
        min(ends, default=None),
        max(ends, default=None),
        first.clipped + second.clipped,
        first.whole and second.whole,
    )
    return one.but(
        weights=one.weights + two.weights,
        missing=one.missing + two.missing,
        infinite=one.infinite + two.infinite,
        minus_infinite=one.minus_infinite + two.minus_infinite,
        squares=added_squares(one, two),
        dtype=wider_dtype(one, two),
        bins=bins,
    )


def wider_dtype(one: Column, two: Column) -> str:
    """The type of both together, whichever comes first: a side with values tells it before one that has only gaps."""

    def order(column: Column) -> tuple[bool, bool, int, str]:
        width = NUMBERS.index(column.dtype) if column.dtype in NUMBERS else -1
        return column.present > 0, column.rows > 0, width, column.dtype

    return max(one, two, key=order).dtype


def added_squares(one: Column, two: Column) -> int | None:
    """Sum of squared weights of both; an unweighted row has the weight 1."""
    if one.squares is None and two.squares is None:
        return None
    return sum(column.present if column.squares is None else column.squares for column in (one, two))
