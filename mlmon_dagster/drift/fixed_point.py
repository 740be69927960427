"""Sums and squares of a column's values in whole units: exact, so that they are the same in any order and pieces.

A float64 holds every whole number up to 2**53. Values of the reference are at most 2**31 units from its origin, so a
block's sums and the products of their halves are exact, whatever order they are added in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlmon_dagster.drift.column import ROW
from mlmon_dagster.drift.grid import LIMIT, Grid
from mlmon_dagster.drift.search import Array

LIMB = 24
"""Sums are kept as two whole numbers: high * 2**24 + low."""

BLOCK = 4 * ROW
"""Rows worked on at a time: their units and halves fit the processor's cache."""


@dataclass(frozen=True, eq=False)
class Sums:
    """What the values of each bin add up to, in units; all of them, and their squares."""

    by_bin: Array
    """High and low part of each bin's sum (int64, shape (2, bins))."""
    total: int
    square_total: int
    clipped: int


def sums(values: Array, weights: Array | None, places: Array, grid: Grid) -> Sums:
    """The sums of ascending values; bin i holds those from `places[i]` to `places[i + 1]`."""
    by_bin = np.zeros((2, len(places) - 1), dtype=np.int64)
    squares = clipped = 0
    buffers = [np.empty(min(BLOCK, len(values))) for _ in range(3)]
    starts = np.arange(0, len(values), BLOCK)
    first = np.searchsorted(places, starts, side="right") - 1
    last = np.searchsorted(places, np.minimum(starts + BLOCK, len(values)) - 1, side="right")
    for start, low, high in zip(starts.tolist(), first.tolist(), last.tolist(), strict=True):
        rows = slice(start, min(start + BLOCK, len(values)))
        units = grid.fixed(values[rows], buffers[0][: rows.stop - start])
        begins = places[low:high] - start
        begins[0] = max(begins[0], 0)
        filled = np.ones(high - low, dtype=bool)
        np.greater(begins[1:], begins[:-1], out=filled[:-1])
        into, heavy = by_bin[:, low:high], None if weights is None else weights[rows]
        if max(-units[0], units[-1]) >= LIMIT:
            beyond = np.abs(units) >= LIMIT
            clipped += int(beyond.sum() if heavy is None else heavy[beyond].sum())
        if heavy is None:
            squares += _add(into, filled, begins[filled], units, [buffer[: len(units)] for buffer in buffers[1:]])
        else:
            squares += _add_weighted(into, filled, begins[filled], units, heavy)
    by_bin = carried(by_bin)
    return Sums(by_bin, _total(by_bin), squares, clipped)


def sums_of_units(units: Array, places: Array) -> Sums:
    """The same of ascending whole units (int32)."""
    by_bin = np.zeros((2, len(places) - 1), dtype=np.int64)
    filled = places[1:] > places[:-1]
    by_bin[1, filled] = np.add.reduceat(units, places[:-1][filled], dtype=np.int64)
    by_bin, squares, buffers = carried(by_bin), 0, np.empty((2, BLOCK))
    for start in range(0, len(units), BLOCK):
        block = units[start : start + BLOCK]
        high, low = buffers[:, : len(block)]
        np.right_shift(block, 16, out=high)
        np.bitwise_and(block, 0xFFFF, out=low)
        squares += _squares(high, low)
    return Sums(by_bin, _total(by_bin), squares, 0)


def added(one: Sums, two: Sums) -> Sums:
    """Those of both together."""
    by_bin = carried(one.by_bin + two.by_bin)
    return Sums(by_bin, _total(by_bin), one.square_total + two.square_total, one.clipped + two.clipped)


def _total(by_bin: Array) -> int:
    total: int = int(by_bin[0].sum()) * 2**LIMB + int(by_bin[1].sum())
    return total


def carried(by_bin: Array) -> Array:
    """The same sums with a low part within 2**24, so that equal sums have equal bytes."""
    return np.stack([by_bin[0] + (by_bin[1] >> LIMB), by_bin[1] & ((1 << LIMB) - 1)])


def _add(into: Array, filled: Array, begins: Array, units: Array, buffers: Sequence[Array]) -> int:
    """Adds a block's units to the bins they begin at; gives the sum of their squares."""
    if max(-units[0], units[-1]) <= 2.0**31:
        found = np.add.reduceat(units, begins).astype(np.int64)
        if len(found) == len(filled):
            into[1] += found
        else:
            into[1, filled] += found
        high, low = _halves(units, buffers)
        return _squares(high, low)
    high = np.floor(units * 2.0**-LIMB)
    into[0, filled] += np.add.reduceat(high, begins).astype(np.int64)
    into[1, filled] += np.add.reduceat(units - high * 2.0**LIMB, begins).astype(np.int64)
    return _long_squares(units)


def _halves(units: Array, buffers: Sequence[Array]) -> tuple[Array, Array]:
    """Whole numbers as high * 2**16 + low, low from 0."""
    high, low = buffers
    np.multiply(units, 2.0**-16, out=high)
    np.floor(high, out=high)
    np.multiply(high, 2.0**16, out=low)
    np.subtract(units, low, out=low)
    return high, low


def _squares(high: Array, low: Array) -> int:
    """Sum of the squares of high * 2**16 + low."""
    return (_dot(high, high) << 32) + (_dot(high, low) << 17) + _dot(low, low)


def _dot(one: Array, two: Array) -> int:
    """Sum of the products of whole numbers, which is below 2**53 in each row."""
    whole = len(one) - len(one) % ROW
    rows = np.vecdot(one[:whole].reshape(-1, ROW), two[:whole].reshape(-1, ROW))
    return int(rows.sum()) + int(np.dot(one[whole:], two[whole:]))


def _long_squares(units: Array) -> int:
    """Sum of the squares of whole numbers up to LIMIT, in four parts of 16 bits."""
    parts = []
    for _ in range(3):
        high, low = _halves(units, [np.empty(len(units)) for _ in range(2)])
        parts.append(low)
        units = high
    parts.append(units)
    return sum(_dot(a, b) << 16 * (i + j) for i, a in enumerate(parts) for j, b in enumerate(parts))


def _add_weighted(into: Array, filled: Array, begins: Array, units: Array, weights: Array) -> int:
    """The same of units that each stand for several rows."""
    rows = int(weights.sum())
    if max(-units[0], units[-1]) <= 2.0**31 and rows <= 2**21 and int(weights.min()) >= 0:
        into[1, filled] += np.add.reduceat(units * weights, begins).astype(np.int64)
        high, low = _halves(units, [np.empty(len(units)) for _ in range(2)])
        return (_dot(high * weights, high) << 32) + (_dot(high * weights, low) << 17) + _dot(low * weights, low)
    return _add_heavy(into, filled, begins, units, weights)


def _add_heavy(into: Array, filled: Array, begins: Array, units: Array, weights: Array) -> int:
    """The same in Python's own whole numbers, which have no limit."""
    whole, heavy = units.astype(np.int64).astype(object), weights.astype(object)
    weighed = np.add.reduceat(whole * heavy, begins)
    into[0, filled] += np.array([int(value) >> LIMB for value in weighed], dtype=np.int64)
    into[1, filled] += np.array([int(value) & (1 << LIMB) - 1 for value in weighed], dtype=np.int64)
    return int(np.dot(whole * heavy, whole))
