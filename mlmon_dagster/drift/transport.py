"""The Wasserstein distance of two columns: exact from values, between two bounds from bins."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.drift.bins import Bins, on_one_grid
from mlmon_dagster.drift.column import ROW, Column, offsets, origin_of
from mlmon_dagster.drift.kolmogorov import unsure
from mlmon_dagster.drift.search import Array

BLOCK = ROW
"""Values whose distances are summed at once."""

GROUP = 4
"""Blocks worked on at a time."""

LONG = 64
"""Values opposite one value beyond which running sums are kept, and not the sums of the stretches."""

SHORT = 1 << 16
"""Distinct values of both sides up to which the area is measured between them, where rows are counted by value."""

Between = tuple[Any, Any] | None
"""Two of the reference's quantiles, from one to the other of which the area is measured."""


def area(reference: Column, window: Column, between: Between = None) -> tuple[float, float, float]:
    """The area between the two cumulative shares, in the values' unit: the value, its lower and its upper bound."""
    if not (reference.exact and window.exact):
        return _bounds(reference, window, between)
    sides = (reference, window)
    weighted = any(side.squares is not None for side in sides)
    if not weighted and any(side.weights is not None for side in sides):
        weighted = sum(len(side.values) for side in sides) <= SHORT
        reference, window = sides if weighted else (_spread(side) for side in sides)
    value = (_by_values if weighted else _by_quantiles)(reference, window, between)
    return value, value, value


def _spread(column: Column) -> Column:
    """The column with every row by itself, and not counted by value."""
    if column.weights is None:
        return column
    return column.once("spread", lambda: column.but(ascending=np.repeat(column.values, column.counts), weights=None))


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
    n, m = large.present, small.present
    if n == m <= GROUP * BLOCK and large.ascending.dtype.kind == small.ascending.dtype.kind == "f":
        return _at_once(large.ascending, small.ascending, between) / n
    origin = origin_of(large.ascending) if between is None else between[0]
    sides = _Clipped.of(large, between, origin), _Clipped.of(small, between, origin)
    if n == m:
        return _rank_by_rank(*sides) / n
    if n > LONG * m:
        return sum(float(_long_stretches(*sides, start).sum()) for start in range(0, m, BLOCK)) / n
    ways = window.once(("ways", reference), lambda: _ways(large, small))
    if between is None:
        return float(ways.sum()) / n
    first = min(max(sides[1].first, -(-sides[0].first * m // n)), m)
    last = max(min(sides[1].last, sides[0].last * m // n), first)
    total = float(ways[first:last].sum())
    for start, stop in ((0, first), (last, m)):
        total += float(_Stretches.of(sides[0], m, start, stop).ways(sides[0], sides[1], start).sum())
    return total / n


def _at_once(one: Array, two: Array, between: Between) -> float:
    """The summed distance of values of equal rank, where they are few."""
    if between is not None:
        one, two = (side.astype(np.float64, copy=False).clip(*between) for side in (one, two))
    away = np.subtract(one, two, dtype=np.float64)
    return float(np.add.reduce(np.abs(away, out=away)))


def _ways(large: Column, small: Column) -> Array:
    """For each value of the smaller column, the summed distance of the stretch opposite it."""
    origin, m = origin_of(large.ascending), small.present
    sides = _Clipped.of(large, None, origin), _Clipped.of(small, None, origin)
    starts = range(0, m, GROUP * BLOCK)
    parts = large.latest(
        "stretches", m, lambda: [_Stretches.of(sides[0], m, at, min(at + GROUP * BLOCK, m)) for at in starts]
    )
    return np.concatenate([part.ways(*sides, start) for start, part in zip(starts, parts, strict=True)])


@dataclass(frozen=True, eq=False)
class _Stretches:
    """The stretches of a column opposite some values of a smaller one: their sums, and where they begin and end."""

    sums: Array
    ends: Array
    """The first value of each, and the last one of all."""
    last: Array
    begin: Array
    part: Array
    """How much of the value at `begin` belongs to the stretch before."""

    @classmethod
    def of(cls, large: "_Clipped", m: int, start: int, stop: int) -> "_Stretches":
        """Those opposite the values from `start` to `stop` of a column of `m`."""
        ranks = np.arange(start, stop + 1) * large.column.present
        begin = ranks // m
        part = (ranks - begin * m) / m
        if start == stop:
            return cls(part[:0], part[:0], part[:0], begin[:0], part[:0])
        places = begin - begin[0]
        values = large.values(int(begin[0]), int(begin[-1]) + bool(part[-1]))
        ends = values[np.minimum(places[1:], len(values) - 1)]
        sums = np.add.reduceat(values, places[:-1])
        if part.any():
            sums += part[1:] * ends - part[:-1] * values[places[:-1]]
            sums[-1] -= ends[-1] if part[-1] else 0.0
        last = values[places[1:] + (part[1:] > 0) - 1]
        return cls(sums, np.append(values[places[:-1]], last[-1]), last, begin[:-1], part[:-1])

    def ways(self, large: "_Clipped", small: "_Clipped", start: int) -> Array:
        """The summed distances from the values from `start` on; a stretch that reaches over its value is cut there."""
        n, m = large.column.present, small.column.present
        own = small.values(start, start + len(self.sums))
        ways = own * (n / m)
        np.subtract(self.sums, ways, out=ways)
        across = np.flatnonzero((self.ends[:-1] < own) & (self.ends[1:] > own))
        across = across[self.last[across] > own[across]]
        if len(across):
            begin, part = self.begin[across], self.part[across]
            lengths = large.column.below(small.column.ascending[start + across]) - begin
            starts = np.cumsum(lengths) - lengths
            inside = np.repeat(begin - starts, lengths) + np.arange(int(lengths.sum()))
            under = np.add.reduceat(large.at(inside), starts) - part * self.ends[across]
            ways[across] += 2 * (own[across] * (lengths - part) - under)
        return np.asarray(np.abs(ways, out=ways))


def _rank_by_rank(one: "_Clipped", two: "_Clipped") -> float:
    """The summed distance of values of equal rank; blocks in which nothing is clipped are summed for all limits."""
    blocks = two.column.once(("ranks", one.column), lambda: _distances(one.column, two.column))
    if one.limits is None:
        return float(blocks.sum())
    total, rows = 0.0, one.column.present
    starts = np.arange(len(blocks)) * BLOCK
    stops = np.minimum(starts + BLOCK, rows)
    whole = (starts >= max(one.first, two.first)) & (stops <= min(one.last, two.last))
    total = float(blocks[whole].sum())
    apart = ~whole & (stops > min(one.first, two.first)) & (starts < max(one.last, two.last))
    for start, stop in zip(starts[apart].tolist(), stops[apart].tolist(), strict=True):
        total += float(np.abs(one.values(start, stop) - two.values(start, stop)).sum())
    return total


def _distances(one: Column, two: Column) -> Array:
    """The summed distances of values of equal rank, block by block."""
    origin, rows = origin_of(one.ascending), one.present
    buffer, both = np.empty(min(GROUP * BLOCK, rows)), one.ascending.dtype.kind == two.ascending.dtype.kind == "f"
    found: list[float] = []
    for start in range(0, rows, GROUP * BLOCK):
        first, second = (side.ascending[start : start + GROUP * BLOCK] for side in (one, two))
        away = buffer[: len(first)]
        if both:
            np.subtract(first, second, out=away, dtype=np.float64)
        else:
            np.subtract(offsets(first, origin), offsets(second, origin), out=away)
        np.abs(away, out=away)
        whole = len(away) - len(away) % BLOCK
        if whole:
            found += np.add.reduce(away[:whole].reshape(-1, BLOCK), axis=1).tolist()
        if whole < len(away):
            found.append(float(np.add.reduce(away[whole:])))
    return np.array(found)


def _long_stretches(large: "_Clipped", small: "_Clipped", start: int) -> Array:
    """The summed distances of some values of the smaller column from the long stretches of the larger opposite them.

    A stretch's sum is a difference of running sums. Where it reaches over the value, it is cut there.
    """
    n, m = large.column.present, small.column.present
    own = small.values(start, min(start + BLOCK, m))
    ranks = np.arange(start, start + len(own) + 1) * n
    begin = ranks // m
    part = (ranks - begin * m) / m
    sums = large.sums(begin) + part * large.at(np.minimum(begin, n - 1))
    ways = np.diff(sums) - own * (n / m)
    last = large.at(np.minimum(begin[1:] + (part[1:] > 0), n) - 1)
    across = np.nonzero((large.at(begin[:-1]) < own) & (last > own))[0]
    if len(across):
        cut = large.column.below(small.column.ascending[start + across])
        left = own[across] * (cut - begin[across] - part[across]) - (large.sums(cut) - sums[across])
        ways[across] += 2 * left
    return np.asarray(np.abs(ways))


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
