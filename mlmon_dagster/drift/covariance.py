"""How columns of numbers go together: sums of products in whole numbers, which add up to the same in any order.

A value is a whole number of units from its column's origin, at most 2**20 of them: products of two are exact in
float64, and so are their sums over a block of rows, whatever order a matrix product adds them in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlmon_dagster.drift.bins import binned
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.native import Native
from mlmon_dagster.drift.search import Array
from mlmon_dagster.errors import DataError

SPREAD = 13
"""A standard deviation of the reference is between half of and all of 2**13 units."""

LIMIT = 2.0**20
"""Values further away, at least 128 standard deviations, are held to be that far, and counted as clipped."""

COARSE = 10
"""Bits less for products of four: a standard deviation has 4 to 8 such units."""

BLOCK = 1 << 12
"""Rows of one matrix product: 2**12 products of 2**40 stay below 2**53."""

ALONE = 1 << 18
"""Multiplications below which OpenBLAS takes no second thread."""

FLUSH = 1 << 20
"""Rows whose sums fit int64."""

MOST = 100
"""Columns of a covariance; twice as many take four times the room."""

PARTS = ("rows", "sums", "squares", "products", "cubes", "quarts")


@dataclass(frozen=True)
class Axis:
    """The fixed point of one column: x is `floor((x - origin) * 2**exponent + 0.5)` units."""

    name: str
    origin: int | float
    exponent: int

    @classmethod
    def of(cls, column: Column) -> "Axis":
        """The axis that the reference's column gives: the same for the same rows, in bins or not."""
        if column.kind == "boolean":
            return cls(column.name, 0, SPREAD)
        bins = binned(column, column.grid).bins
        assert bins is not None  # noqa: S101 - binned
        origin, away, std = bins.moments
        if not bins.rows:
            return cls(column.name, 0, 0)
        middle = origin + round(away) if isinstance(origin, int) else origin + away
        exponent = SPREAD - int(np.frexp(std or abs(float(middle)) or 1.0)[1])
        return cls(column.name, middle, int(np.clip(exponent, -1000, 1000)))

    def units(self, rows: Native | None, start: int, into: Array, there: Array) -> int:
        """A block's values in units and where there are any; how many were clipped. A foreign column has none."""
        if rows is None:
            into[:], there[:] = 0, False
            return 0
        data = rows.data[start : start + len(into)]
        there[:] = True if rows.missing is None else ~rows.missing[start : start + len(into)]
        if data.dtype.kind == "f":
            there &= np.isfinite(data)
        with np.errstate(all="ignore"):
            _away(data, self.origin, into)
            np.multiply(into, 2.0**self.exponent, out=into)
            np.add(into, 0.5, out=into)
            np.floor(into, out=into)
        np.clip(into, -LIMIT, LIMIT, out=into)
        into[~there] = 0
        return int(np.count_nonzero(np.abs(into) >= LIMIT))


@dataclass(frozen=True, eq=False)
class Covariance:
    """Whole sums over the rows in which both of two columns have a value (pairwise complete), each (columns, columns).

    With u and v the units of columns i and j, and U and V their coarse units.
    """

    axes: tuple[Axis, ...]
    rows: Array = field(repr=False)
    sums: Array = field(repr=False)
    """Sum of u where both are there."""
    squares: Array = field(repr=False)
    """Sum of u u where both are there."""
    products: Array = field(repr=False)
    """Sum of u v."""
    cubes: Array = field(repr=False)
    """Sum of U U U V."""
    quarts: Array = field(repr=False)
    """Sum of U U V V."""
    clipped: Array = field(repr=False)
    """Values of each column that lie further away than the fixed point reaches."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns."""
        return tuple(axis.name for axis in self.axes)

    @classmethod
    def like(cls, columns: Mapping[str, Column]) -> "Covariance":
        """The covariance of no rows on the axes of a reference's columns: numbers, moments and booleans.

        `DataError` for fewer than two of them, or more than 100.
        """
        chosen = [one for one in columns.values() if one.kind != "categorical"]
        if len(chosen) < 2:
            raise DataError("a covariance needs two columns of numbers", hint="leave the covariance out")
        if len(chosen) > MOST:
            raise DataError(
                f"a covariance of {len(chosen)} columns is too large, at most {MOST} are kept",
                hint="choose the columns that should go together",
            )
        return cls.nothing([Axis.of(one) for one in chosen])

    @classmethod
    def of(cls, axes: Sequence[Axis], parts: Sequence[Array], clipped: Array) -> "Covariance":
        """From the sums in the order of PARTS."""
        rows, sums, squares, products, cubes, quarts = parts
        return cls(tuple(axes), rows, sums, squares, products, cubes, quarts, clipped)

    @classmethod
    def nothing(cls, axes: Sequence[Axis]) -> "Covariance":
        """Of no rows."""
        return cls.of(axes, [_zeros(len(axes)) for _ in PARTS], np.zeros(len(axes), dtype=np.int64))

    def counted(self, rows: Mapping[str, Native]) -> "Covariance":
        """The sums of rows on these axes; the same for any cut into pieces. A column that is not there has no value."""
        width = len(self.axes)
        natives = [rows.get(axis.name) for axis in self.axes]
        natives = [None if one is None or one.kind == "categorical" else one for one in natives]
        length = max((len(one.data) for one in natives if one is not None), default=0)
        total = Covariance.nothing(self.axes)
        units, there = np.empty((width, BLOCK)), np.empty((width, BLOCK), dtype=bool)
        for begin in range(0, length, FLUSH):
            found = [np.zeros((width, width), dtype=np.int64) for _ in PARTS]
            clipped = np.zeros(width, dtype=np.int64)
            for start in range(begin, min(begin + FLUSH, length), BLOCK):
                size = min(BLOCK, length - start)
                for place, axis in enumerate(self.axes):
                    clipped[place] += axis.units(natives[place], start, units[place, :size], there[place, :size])
                _add_block(found, units[:, :size], there[:, :size])
            total = total.merge(Covariance.of(self.axes, [_whole(one) for one in found], clipped))
        return total

    def merge(self, other: "Covariance") -> "Covariance":
        """Both together; `DataError` for other columns or another reference's axes."""
        if self.axes != other.axes:
            raise DataError(
                "covariances on other axes cannot be added",
                hint="profile both like one reference: mlmon profile build --like REFERENCE",
            )
        parts = [getattr(self, part) + getattr(other, part) for part in PARTS]
        return Covariance.of(self.axes, parts, self.clipped + other.clipped)

    def only(self, names: Sequence[str]) -> "Covariance":
        """Of some of the columns, in their order here."""
        places = [place for place, axis in enumerate(self.axes) if axis.name in set(names)]
        grid = np.ix_(places, places)
        parts = [getattr(self, part)[grid] for part in PARTS]
        return Covariance.of([self.axes[place] for place in places], parts, self.clipped[places])

    @property
    def correlations(self) -> Array:
        """Pearson's correlation of each pair over the rows that have both; NaN where one of them does not vary."""
        rows, sums, squares = self.rows, self.sums, self.squares
        together = (rows * self.products - sums * sums.T).astype(np.float64)
        spread = (rows * squares - sums * sums).astype(np.float64)
        with np.errstate(all="ignore"):
            found = together / (np.sqrt(spread) * np.sqrt(spread.T))
        return np.asarray(np.where(np.isfinite(found), np.clip(found, -1, 1), np.nan))

    @property
    def matrix(self) -> Array:
        """The covariance of each pair (over n) in the columns' own units; NaN without rows."""
        lengths = np.array([2.0**-axis.exponent for axis in self.axes])
        with np.errstate(all="ignore"):
            rows = self.rows.astype(np.float64)
            together = (self.rows * self.products - self.sums * self.sums.T).astype(np.float64) / rows**2
        return np.asarray(together * np.outer(lengths, lengths))

    def packed(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """As a JSON document and arrays of whole numbers."""
        about = {"axes": [[axis.name, axis.origin, axis.exponent] for axis in self.axes]}
        arrays = {"clipped": self.clipped}
        for part in PARTS:
            whole = getattr(self, part)
            arrays[f"{part}.high"] = (whole >> 32).astype(np.int64)
            arrays[f"{part}.low"] = (whole & 0xFFFFFFFF).astype(np.int64)
        return about, arrays

    @classmethod
    def unpacked(cls, about: Mapping[str, Any], array: Callable[[str], Array]) -> "Covariance":
        """From what `packed` gave."""
        axes = tuple(Axis(*one) for one in about["axes"])
        parts = [_whole(array(f"{part}.high")) * 2**32 + _whole(array(f"{part}.low")) for part in PARTS]
        return cls.of(axes, parts, array("clipped").astype(np.int64))


def _add_block(found: list[Array], units: Array, there: Array) -> None:
    """Adds a block's sums; without gaps sums and squares are those of whole columns."""
    rows, sums, squares, products, cubes, quarts = found
    product = units @ units.T
    coarse = np.floor(units * 2.0**-COARSE + 0.5)
    second = coarse * coarse
    products += product.astype(np.int64)
    cubes += _product(second * coarse, coarse)
    quarts += (second @ second.T).astype(np.int64)
    if there.all():
        rows += units.shape[1]
        sums += units.sum(axis=1).astype(np.int64)[:, None]
        squares += np.diagonal(product).astype(np.int64)[:, None]
        return
    mask = there.astype(np.float64)
    rows += (mask @ mask.T).astype(np.int64)
    sums += _product(units, mask)
    squares += _product(units * units, mask)


def _product(one: Array, two: Array) -> Array:
    """The matrix product over rows, some at a time: of larger ones BLAS makes threads, which cost more than they do."""
    width, length = one.shape
    found = np.zeros((width, width), dtype=np.int64)
    step = max(16, ALONE // width**2)
    for start in range(0, length, step):
        found += (one[:, start : start + step] @ two[:, start : start + step].T).astype(np.int64)
    return found


def _away(data: Array, origin: int | float, into: Array) -> None:
    """Distances from the origin: of whole numbers exact, then rounded once. Each value's is its own."""
    if data.dtype != np.int64 or not isinstance(origin, int) or not -(2**63) <= origin < 2**63:
        np.subtract(data, float(origin), out=into, dtype=np.float64)
        return
    away = data - np.int64(origin)
    wrapped = ((data ^ np.int64(origin)) & (data ^ away)) < 0
    into[:] = away
    into[wrapped] = [float(value - origin) for value in data[wrapped].tolist()]


def _zeros(width: int) -> Array:
    return _whole(np.zeros((width, width), dtype=np.int64))


def _whole(numbers: Array) -> Array:
    """As Python's own whole numbers, which have no limit."""
    return np.asarray(numbers.astype(np.int64).astype(object))
