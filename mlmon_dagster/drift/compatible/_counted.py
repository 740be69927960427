"""Columns as the peers' formulas need them: rows, values with counts on both sides, equal-width bins."""

from math import ceil, log2, sqrt

import numpy as np

from mlmon_dagster.drift.column import Array, Column


def rows(column: Column) -> Array:
    """Every present value, in ascending order; whole numbers as int64, the others as float64."""
    return np.repeat(numbers(column), column.counts)


def numbers(column: Column) -> Array:
    """The distinct values, as int64 or float64."""
    return column.values if column.values.dtype.kind in "iu" else column.values.astype(np.float64)


def side_by_side(reference: Column, window: Column) -> tuple[Array, Array, Array]:
    """All distinct values of both, in order, and how many rows of each side have them."""
    values = np.union1d(reference.values, window.values)
    counted = []
    for side in (reference, window):
        counts = np.zeros(len(values), dtype=np.int64)
        counts[np.searchsorted(values, side.values)] = side.counts
        counted.append(counts)
    return values, counted[0], counted[1]


def histogram(column: Column, edges: Array) -> Array:
    """Rows in each bin `[a, b)`, the last one `[a, b]`: what `numpy.histogram` counts."""
    ends = np.concatenate([[0], np.cumsum(column.counts)])
    places = np.append(
        np.searchsorted(column.values, edges[:-1], side="left"), np.searchsorted(column.values, edges[-1], side="right")
    )
    return np.diff(ends[places])


def sturges(low: float, high: float, count: int, whole: bool) -> Array:
    """Edges by Sturges' rule; for whole numbers bins are at least one wide, as numpy 2 has it."""
    width = (high - low) / (log2(count) + 1)
    return _edges(low, high, max(width, 1.0) if whole else width)


def doane(column: Column) -> Array:
    """Edges by Doane's rule, which gives skewed columns more bins."""
    values, count = numbers(column).astype(np.float64), column.present
    low, high = float(values[0]), float(values[-1])
    if count <= 2:
        return _edges(low, high, 0.0)
    mean = float(np.dot(values, column.counts) / count)
    std = sqrt(float(np.dot((values - mean) ** 2, column.counts) / count))
    if std == 0:
        return _edges(low, high, 0.0)
    skewness = float(np.dot(((values - mean) / std) ** 3, column.counts) / count)
    noise = sqrt(6.0 * (count - 2) / ((count + 1.0) * (count + 3)))
    return _edges(low, high, (high - low) / (1.0 + log2(count) + log2(1.0 + abs(skewness) / noise)))


def _edges(low: float, high: float, width: float) -> Array:
    bins = ceil((high - low) / width) if width else 1
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, max(bins, 1) + 1)
