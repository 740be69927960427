"""What a drift method is, and what it says: a distance, never a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import ClassVar, Protocol

import numpy as np

from mlmon_dagster.drift.bins import on_one_grid
from mlmon_dagster.drift.column import Array, Column, Kind
from mlmon_dagster.drift.grid import LEVELS, level_ranks

NAMED = 10_000
"""The reference's most frequent categories that are told apart; all others, and those it never saw, are one."""


@dataclass(frozen=True)
class Measure:
    """A distance of the window from the reference; the larger, the further.

    `p_value` is the probability of a distance at least as large without any drift, for methods that are tests.
    `low` and `high` bound the distance where only bins are known; None where the value is exact. `effect` is the size
    of the difference apart from the number of rows, `effective_rows` that number: what as many unweighted rows, equally
    many on both sides, would say; `raw` the distance in the column's own unit where it has one.
    """

    value: float
    p_value: float | None = None
    low: float | None = None
    high: float | None = None
    raw: float | None = None
    effect: float | None = None
    effective_rows: float | None = None

    @property
    def exact(self) -> bool:
        """Whether the value is the distance itself."""
        return self.low is None or self.low == self.high

    @property
    def certainty(self) -> str:
        """`exact`, `bounded [low, high]`, or `unbounded` where nothing limits the distance from above.

        >>> Measure(0.25, low=0.2, high=0.3).certainty
        'bounded [0.2, 0.3]'
        """
        if self.exact:
            return "exact"
        return f"bounded [{self.low:.6g}, {self.high:.6g}]" if np.isfinite(self.high or 0) else "unbounded"


class Method(Protocol):
    """Family `method`: measures a distance between two columns of one kind.

    Both columns have at least one present value (the method `missing` excepted). Exact where every value is known;
    where one of them is known in bins only, the measure says between which bounds the distance lies. The same for any
    number of rows: a method never changes with the size of the data. `default_threshold` is the distance that is
    usually called drift; it is judged elsewhere (`drift.monitor`). `version` rises when numbers change.
    One that a single far value moves as far as it lies says `unbounded = True`, and takes no alarm budget where tails
    are heavy.
    """

    default_threshold: ClassVar[float]
    unit: ClassVar[str]
    kinds: ClassVar[tuple[Kind, ...]]
    version: ClassVar[int]
    cost: ClassVar[str]

    def measure(self, reference: Column, window: Column) -> Measure: ...


def effective_rows(reference: Column, window: Column) -> float:
    """n m / (n + m) times two: the rows on each side that would say as much (Kish's n where rows are weighted)."""
    n, m = reference.effective, window.effective
    return 2 * n * m / (n + m)


def shares(reference: Column, window: Column, bins: int) -> tuple[Array, Array]:
    """Shares of both sides in common bins, each summing to 1; made once for all methods.

    Ordered columns are cut at the reference's quantiles, so that one outlier cannot hide drift. Every other column has
    one bin for each of the reference's categories (the 10,000 most frequent), and one for all others.
    """
    if reference.ordered:
        return window.once(("shares", reference, bins), lambda: _shares_between(reference, window, bins))
    return window.once(("shares", reference), lambda: _shares_by_name(reference, window))


def _shares_between(reference: Column, window: Column, bins: int) -> tuple[Array, Array]:
    if not window.exact:
        reference, window = on_one_grid(reference, window)
    edges, before = reference.once(("edges", bins), lambda: _edges(reference, bins))
    return before, _share_between(window, edges)


def _edges(reference: Column, bins: int) -> tuple[Array, Array]:
    edges = np.unique(quantiles(reference, np.arange(1, bins) / bins))
    return edges, _share_between(reference, edges)


def _share_between(column: Column, edges: Array) -> Array:
    ends = np.empty(len(edges) + 2, dtype=np.int64)
    ends[0], ends[1:-1], ends[-1] = 0, column.at_most(edges), column.present
    return np.asarray((ends[1:] - ends[:-1]) / column.present)


def quantiles(column: Column, levels: Sequence[float] | Array) -> Array:
    """The smallest present values with at least that share of rows at or below them (inverse of the CDF).

    Levels are rounded up to 1/4000, the resolution of a grid, so that bins give the quantiles that values give.
    """
    ranks = _ranks(tuple(levels), column.present)
    if column.weights is None:
        return np.asarray(column.ascending[ranks - 1])
    return np.asarray(column.ascending[np.searchsorted(column.ends[1:], ranks, side="left")])


@lru_cache(maxsize=256)
def _ranks(levels: tuple[float, ...], rows: int) -> Array:
    rounded = np.ceil(np.asarray(levels, dtype=np.float64) * LEVELS - 1e-6).astype(np.int64).clip(0, LEVELS)
    return level_ranks(rounded, rows)


def filled(share: Array, rows: int) -> Array:
    """Shares with half a row in every empty bin, summing to 1 again: logarithms need it."""
    lifted = np.maximum(share, 0.5 / max(rows, 1))
    return np.asarray(lifted / lifted.sum())


def named(reference: Column) -> Array:
    """The reference's categories that are told apart, in order."""
    if len(reference.ascending) <= NAMED:
        return reference.ascending
    kept = np.argsort(-reference.counts, kind="stable")[:NAMED]
    return np.asarray(reference.ascending[np.sort(kept)])


def _shares_by_name(reference: Column, window: Column) -> tuple[Array, Array]:
    places = reference.once("places", lambda: {name: place for place, name in enumerate(named(reference).tolist())})
    before = reference.once("rows", lambda: _rows_by_name(reference, places))
    now = _rows_by_name(window, places)
    used = (before > 0) | (now > 0)
    return before[used] / reference.present, now[used] / window.present


def _rows_by_name(column: Column, places: dict[object, int]) -> Array:
    """Rows of each named category, and of all others together at the end."""
    names = column.ascending.tolist()
    rows = np.zeros(len(places) + 1, dtype=np.int64)
    rows[np.fromiter(map(places.get, names, repeat(len(places))), np.intp, len(names))] = column.counts
    rows[-1] = column.present - rows[:-1].sum()
    return rows
