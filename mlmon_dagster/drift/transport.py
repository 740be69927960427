"""The Wasserstein distance of two columns: exact from values, between two bounds from bins."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.drift.bins import Bins, on_one_grid
from mlmon_dagster.drift.column import BLOCK, Column, offsets, origin_of
from mlmon_dagster.drift.kolmogorov import unsure
from mlmon_dagster.drift.search import Array

Between = tuple[Any, Any] | None
"""Two of the reference's quantiles, from one to the other of which the area is measured."""


def area(reference: Column, window: Column, between: Between = None) -> tuple[float, float, float]:
    """The area between the two cumulative shares, in the values' unit: the value, its lower and its upper bound."""
    if not (reference.exact and window.exact):
        return _bounds(reference, window, between)
    weighted = reference.weights is not None or window.weights is not None
    value = (_by_values if weighted else _by_quantiles)(reference, window, between)
    return value, value, value


def _by_values(reference: Column, window: Column, between: Between) -> float:
    """The sum over all distinct values of both: the difference of the shares times the way to the next value."""
    origin = origin_of(reference.ascending) if between is None else between[0]
    where = np.concatenate([offsets(one.values, origin) for one in (reference, window)])
    if between is not None:
        where = where.clip(*offsets(np.asarray(between), origin))
    steps = np.concatenate([reference.counts / reference.present, -window.counts / window.present])
    order = np.argsort(where)
    gaps = np.cumsum(steps[order])[:-1]
    return float(np.dot(np.abs(gaps), np.diff(where[order])))


def _by_quantiles(reference: Column, window: Column, between: Between) -> float:
    """The mean distance of equal quantiles: each value of the smaller column lies opposite a stretch of the larger."""
    large, small = (reference, window) if reference.present >= window.present else (window, reference)
    origin = origin_of(large.ascending) if between is None else between[0]
    sides = _Clipped.of(large, between, origin), _Clipped.of(small, between, origin)
    if large.present == small.present:
        return _rank_by_rank(*sides) / large.present
    total = 0.0
    for start in range(0, small.present, BLOCK):
        stop = min(start + BLOCK, small.present)
        total += _stretches(sides[0], small, sides[1].values(start, stop), start)
    return total / large.present


def _rank_by_rank(one: "_Clipped", two: "_Clipped") -> float:
    """The summed distance of values of equal rank; blocks in which nothing is clipped are summed for all limits."""
    blocks = two.column.once(("ranks", one.column), lambda: _distances(one.column, two.column))
    if one.limits is None:
        return float(blocks.sum())
    first, last = max(one.first, two.first), min(one.last, two.last)
    begin = -(-first // BLOCK)
    end = max(begin, last // BLOCK)
    total = float(blocks[begin:end].sum())
    for block in (*range(min(begin, len(blocks))), *range(end, len(blocks))):
        rows = block * BLOCK, min((block + 1) * BLOCK, one.column.present)
        total += float(np.abs(one.values(*rows) - two.values(*rows)).sum())
    return total


def _distances(one: Column, two: Column) -> Array:
    """The summed distances of values of equal rank, block by block."""
    origin = origin_of(one.ascending)
    away, both = np.empty(BLOCK), one.ascending.dtype.kind == two.ascending.dtype.kind == "f"
    found = []
    for start in range(0, one.present, BLOCK):
        first, second = (side.ascending[start : start + BLOCK] for side in (one, two))
        into = away[: len(first)]
        if both:
            np.subtract(first, second, out=into, dtype=np.float64)
        else:
            np.subtract(offsets(first, origin), offsets(second, origin), out=into)
        found.append(float(np.abs(into, out=into).sum()))
    return np.array(found)


def _stretches(large: "_Clipped", small: Column, own: Array, start: int) -> float:
    """The summed distance of some values of the smaller column from the stretches of the larger opposite them.

    A stretch's sum is a difference of running sums. Where it reaches over the value, it is cut there.
    """
    n, m = large.column.present, small.present
    ranks = np.arange(start, start + len(own) + 1) * n
    begin = ranks // m
    part = (ranks - begin * m) / m
    sums = large.sums(begin) + part * large.at(np.minimum(begin, n - 1))
    ways = np.diff(sums) - own * (n / m)
    last = large.at(np.minimum(begin[1:] + (part[1:] > 0), n) - 1)
    across = np.nonzero((large.at(begin[:-1]) < own) & (last > own))[0]
    if len(across):
        cut = large.column.below(small.ascending[start + across])
        left = own[across] * (cut - begin[across] - part[across]) - (large.sums(cut) - sums[across])
        ways[across] += 2 * left
    return float(np.abs(ways).sum())


@dataclass(frozen=True)
class _Clipped:
    """A column's values as distances from an origin, those beyond two limits moved to the nearer one."""

    column: Column
    origin: Any
    limits: tuple[float, float] | None
    first: int
    """How many values lie below the lower limit."""
    last: int
    """How many lie at or below the upper one."""

    @classmethod
    def of(cls, column: Column, between: Between, origin: Any) -> "_Clipped":
        if between is None:
            return cls(column, origin, None, 0, column.present)
        ends = np.asarray(between)
        low, high = offsets(ends, origin).tolist()
        return cls(column, origin, (low, high), int(column.below(ends[:1])[0]), int(column.at_most(ends[1:])[0]))

    def values(self, start: int, stop: int) -> Array:
        """Values by rank."""
        away = offsets(self.column.ascending[start:stop], self.origin)
        if self.limits is not None:
            away[: max(self.first - start, 0)] = self.limits[0]
            away[max(self.last - start, 0) :] = self.limits[1]
        return away

    def at(self, ranks: Array) -> Array:
        """Values at ranks in ascending order."""
        away = offsets(self.column.ascending[ranks], self.origin)
        return away if self.limits is None else np.clip(away, *self.limits, out=away)

    def sums(self, ranks: Array) -> Array:
        """Sums of the values before each rank."""
        running = self.column.once(("running", self.origin, self.limits), self._running)
        return np.asarray(running[ranks])

    def _running(self) -> Array:
        return np.concatenate([[0.0], np.cumsum(self.values(0, self.column.present))])


def _bounds(reference: Column, window: Column, between: Between) -> tuple[float, float, float]:
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
    edges = offsets(grid.edges, grid.origin)
    first, last = (offsets(np.array([end]), grid.origin) for end in (min(lows), max(highs)))
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
