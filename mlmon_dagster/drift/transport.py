"""The Wasserstein distance of two columns: exact from values, between two bounds from bins."""

from dataclasses import replace
from typing import Any

import numpy as np

from mlmon_dagster.drift.bins import Bins, on_one_grid
from mlmon_dagster.drift.column import BLOCK, Column, offsets, origin_of
from mlmon_dagster.drift.kolmogorov import unsure
from mlmon_dagster.drift.search import Array


def area(reference: Column, window: Column, between: "tuple[Any, Any] | None" = None) -> tuple[float, float, float]:
    """The area between the two cumulative shares, in the values' unit: the value, its lower and its upper bound.

    With `between`, two of the reference's quantiles, only the area from one to the other.
    """
    if reference.exact and window.exact:
        if between is not None:
            reference, window = _clipped(reference, *between), _clipped(window, *between)
        value = _by_values(reference, window) if _few(reference, window) else _by_quantiles(reference, window)
        return value, value, value
    return _bounds(reference, window, between)


def _clipped(column: Column, low: Any, high: Any) -> Column:
    """The column with every value beyond two limits moved to the nearer one."""
    kind = np.result_type(column.ascending, np.asarray([low, high]))
    return replace(column, ascending=np.clip(column.ascending.astype(kind), low, high), kept=[])


def _few(reference: Column, window: Column) -> bool:
    return reference.weights is not None or window.weights is not None


def _by_values(reference: Column, window: Column) -> float:
    """The sum over all distinct values of both: the difference of the shares times the way to the next value."""
    origin = origin_of(reference.ascending)
    where = np.concatenate([offsets(one.values, origin) for one in (reference, window)])
    steps = np.concatenate([reference.counts / reference.present, -window.counts / window.present])
    order = np.argsort(where)
    gaps = np.cumsum(steps[order])[:-1]
    return float(np.dot(np.abs(gaps), np.diff(where[order])))


def _by_quantiles(reference: Column, window: Column) -> float:
    """The mean distance of equal quantiles: each value of the smaller column lies opposite a stretch of the larger.

    The stretch's mean comes from running sums. Where it reaches over the value, it is cut there.
    """
    large, small = (reference, window) if reference.present >= window.present else (window, reference)
    origin = origin_of(large.ascending)
    if large.present == small.present:
        return _rank_by_rank(large.ascending, small.ascending, origin)
    n, m = large.present, small.present
    values, running, own = large.ascending, large.running, offsets(small.ascending, origin)
    begin, part = np.divmod(np.arange(m + 1) * n, m)
    inside = np.minimum(begin, n - 1)
    sums = running[begin] + part / m * offsets(values[inside], origin)
    ways = np.diff(sums) - own * (n / m)
    last = np.minimum(begin[1:] + (part[1:] > 0), n) - 1
    across = np.nonzero((values[begin[:-1]] < small.ascending) & (values[last] > small.ascending))[0]
    if len(across):
        cut = large.below(small.ascending[across])
        left = own[across] * (cut - begin[across] - part[across] / m) - (running[cut] - sums[across])
        ways[across] += 2 * left
    return float(np.abs(ways).sum() / n)


def _rank_by_rank(one: Array, two: Array, origin: "int | float") -> float:
    total = 0.0
    for start in range(0, len(one), BLOCK):
        away = offsets(one[start : start + BLOCK], origin)
        away -= offsets(two[start : start + BLOCK], origin)
        total += float(np.abs(away, out=away).sum())
    return total / len(one)


def _bounds(reference: Column, window: Column, between: "tuple[Any, Any] | None") -> tuple[float, float, float]:
    """From the counts and sums in the bins.

    The difference of the sums is the signed area of a bin, hence the least area it may have; the most is that of
    shares which run along their bounds as long as the signed area allows.
    """
    one, two = on_one_grid(reference, window)
    assert one.bins is not None and two.bins is not None  # noqa: S101, PT018 - both are on one grid
    grid = one.bins.grid
    if (one.bins.clipped or two.bins.clipped) and between is None:
        return float("inf"), 0.0, float("inf")
    lows = [bins.low for bins in (one.bins, two.bins) if bins.low is not None]
    highs = [bins.high for bins in (one.bins, two.bins) if bins.high is not None]
    low, high = np.array([min(lows)]), np.array([max(highs)])
    edges = offsets(grid.edges, grid.origin)
    first, last = offsets(low, grid.origin), offsets(high, grid.origin)
    ends = np.concatenate([np.minimum(first, edges[:1]), edges, np.maximum(last, edges[-1:])])
    width = np.diff(ends)
    f, g = one.ends / one.present, two.ends / two.present
    signed = (f[:-1] - g[:-1]) * width + _under(one, one.bins, ends) - _under(two, two.bins, ends)
    least = np.abs(signed)
    up, down = np.maximum(f[1:] - g[:-1], 0), np.maximum(g[1:] - f[:-1], 0)
    crossing = (up > 0) & (down > 0) & (width > 0) & unsure(one, two)
    up, down, across, way = up[crossing], down[crossing], signed[crossing], width[crossing]
    most = least.copy()
    most[crossing] = np.maximum(least[crossing], (2 * up * down * way + across * (up - down)) / (up + down))
    if between is not None:
        low_end, high_end = offsets(np.asarray(between), grid.origin)
        within = (ends[:-1] >= low_end) & (ends[1:] <= high_end)
        least, most = least[within], most[within]
    value = float(least.sum())
    return value, max(0.0, value - grid.unit), float(most.sum()) + grid.unit


def _under(column: Column, bins: Bins, ends: Array) -> Array:
    """What a column's own rows within a bin add to the area under its cumulative share there."""
    return np.asarray((ends[1:] * np.diff(column.ends) - bins.summed) / column.present)
