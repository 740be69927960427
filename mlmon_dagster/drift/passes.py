"""The exact Kolmogorov-Smirnov distance of a window that does not fit in memory, in two or three passes over it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from mlmon_dagster.drift.column import Array, Column
from mlmon_dagster.drift.kolmogorov import most_within, wide

VALUES = 1 << 16
"""Values of the reference that are looked up in one pass, at most."""


@dataclass(frozen=True)
class Gap:
    """The largest difference of the cumulative shares, and how many passes it took."""

    value: float
    passes: int


def exact_gap(reference: Column, pieces: Callable[[], Iterable[Column]]) -> Gap:
    """The same fraction as `kolmogorov.largest_gap` of all values; each call of `pieces` is one pass over the window.

    The first pass counts the window at the ends of the reference's bins. Then only bins that may still hold the largest
    difference are looked at, value by value, or cut finer where that would be too many values.
    """
    places = np.unique(np.concatenate([[0], reference.places]))
    known = {0: 0}
    passes, best, n = 0, 0, reference.present
    wanted = places[1:]
    while len(wanted):
        upto, under, m = _around(reference.values[wanted - 1], pieces())
        passes += 1
        best = max(
            best,
            int(np.abs(wide(reference.rows_upto(wanted), n * m) * m - wide(upto, n * m) * n).max()),
            int(np.abs(wide(reference.rows_upto(wanted - 1), n * m) * m - wide(under, n * m) * n).max()),
        )
        known |= dict(zip(wanted.tolist(), upto.tolist(), strict=True))
        at = np.array(sorted(known))
        now = np.array([known[place] for place in at.tolist()])
        before, after = wide(reference.rows_upto(at), n * m) * m, wide(now, n * m) * n
        most = most_within(before[:-1], before[1:], after[:-1], after[1:])
        hopeful = (most > best) & (at[1:] - at[:-1] > 1)
        wanted = _inside(at[:-1][hopeful], at[1:][hopeful])
    return Gap(best / (n * m), passes)


def _inside(left: Array, right: Array) -> Array:
    """Every place strictly within the bins, or so many that they can be counted in one pass."""
    if not len(left):
        return left
    each = max(2, VALUES // len(left))
    parts = np.minimum(right - left, each)
    owner = np.repeat(np.arange(len(left)), parts - 1)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(parts - 1) - (parts - 1), parts - 1) + 1
    return np.asarray(left[owner] + (right - left)[owner] * step // parts[owner])


def _around(values: Array, pieces: Iterable[Column]) -> tuple[Array, Array, int]:
    """How many rows of the window are at or below each value, how many strictly below, and how many there are."""
    upto, under = np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=np.int64)
    rows = 0
    for piece in pieces:
        upto += piece.at_most(values)
        under += piece.below(values)
        rows += piece.present
    return upto, under, rows
