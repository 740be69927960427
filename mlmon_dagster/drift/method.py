"""What a drift method is, and what it says: a distance, never a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from mlmon_dagster.drift.column import Array, Column, Kind


@dataclass(frozen=True)
class Measure:
    """A distance of the window from the reference; the larger, the further.

    `p_value` is the probability of a distance at least as large without any drift, for methods that are tests.
    """

    value: float
    p_value: float | None = None


class Method(Protocol):
    """Family `method`: measures a distance between two columns of one kind. Exact for the values it is given.

    Both columns have at least one present value (the method `missing` excepted). `default_threshold` is the
    distance that is usually called drift; it is judged elsewhere (`drift.monitor`).
    """

    default_threshold: ClassVar[float]
    unit: ClassVar[str]
    kinds: ClassVar[tuple[Kind, ...]]

    def measure(self, reference: Column, window: Column) -> Measure: ...


def cumulative(reference: Column, window: Column) -> tuple[Array, Array, Array]:
    """All distinct values of both, and how many rows of each side are at or below them (int64)."""
    values = np.union1d(reference.values, window.values)
    return values, _at_most(reference, values), _at_most(window, values)


def shares(reference: Column, window: Column, bins: int) -> tuple[Array, Array]:
    """Shares of both sides in common bins, each summing to 1.

    Ordered columns are cut at the reference's quantiles, so that one outlier cannot hide drift; every other column has
    one bin for each category of either side.
    """
    if reference.ordered:
        edges = quantiles(reference, np.arange(1, bins) / bins)
        edges = np.unique(edges)
        return _binned(reference, edges), _binned(window, edges)
    values = np.union1d(reference.values, window.values)
    return _counts(reference, values) / reference.present, _counts(window, values) / window.present


def quantiles(column: Column, levels: Sequence[float] | Array) -> Array:
    """The smallest present values with at least that share of rows at or below them (inverse of the CDF)."""
    cumulated = np.cumsum(column.counts)
    ranks = np.ceil(np.asarray(levels) * column.present - 1e-9).clip(1, column.present)
    return column.values[np.searchsorted(cumulated, ranks, side="left")]


def filled(share: Array, rows: int) -> Array:
    """Shares with half a row in every empty bin, summing to 1 again: logarithms need it."""
    lifted = np.maximum(share, 0.5 / max(rows, 1))
    return np.asarray(lifted / lifted.sum())


def _at_most(column: Column, values: Array) -> Array:
    cumulated = np.concatenate([[0], np.cumsum(column.counts)])
    return np.asarray(cumulated[np.searchsorted(column.values, values, side="right")])


def _binned(column: Column, edges: Array) -> Array:
    inside = np.searchsorted(edges, column.values, side="left")
    return np.asarray(np.bincount(inside, weights=column.counts, minlength=len(edges) + 1) / column.present)


def _counts(column: Column, values: Array) -> Array:
    counts: Any = np.zeros(len(values), dtype=np.int64)
    counts[np.searchsorted(values, column.values)] = column.counts
    return np.asarray(counts)
