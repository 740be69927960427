"""The Kolmogorov-Smirnov distance of two columns in whole numbers: exact from values, between two bounds from bins."""

import numpy as np

from mlmon_dagster.drift.bins import ends_on, grid_of, is_whole
from mlmon_dagster.drift.cells import LEAST, Cells, Spread, Within
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.search import Array, at_most

PART = 15
"""Values in a bin of the first look, where the reference's bins are not larger anyhow."""

SPLIT = 8
"""Bins that may hold the largest difference are cut into so many parts."""

ENOUGH = 2048
"""With no more values in all of them, or SPLIT in each, every one of the values is looked at."""

LONG = 1 << 18
"""Rows of a window that no longer fits the second cache."""

SEEN = 4096
"""How many of its rows are looked at first."""

FEW = 2048
"""Distinct values up to which bins are equally many of them: finding equally filled ones would take longer."""


def largest_gap(reference: Column, window: Column) -> tuple[float, float]:
    """The largest difference of the two cumulative shares, as its lower and upper bound; equal where it is exact.

    Everything is compared in the whole numbers F * n * m and G * n * m; only the last step divides.
    """
    scale = reference.present * window.present
    low, high = (_exact if reference.exact and window.exact else _bounds)(reference, window)
    return low / scale, high / scale


def _exact(reference: Column, window: Column) -> tuple[int, int]:
    """By branch and bound: both cumulative counts rise, so a bin's ends bound the difference within it."""
    n, m = reference.present, window.present
    values = reference.values
    rows: Column | Within = window
    spread = _spread(reference, window)
    if spread is None:
        at, now = _first_look(reference, window)
    else:
        at, now = spread.cells.at, spread.before
    best = 0
    while True:
        before, after = wide(reference.rows_upto(at), n * m) * m, wide(now, n * m) * n
        best = max(best, int(np.abs(before - after).max()))
        above, under = before[..., 1:] - after[..., :-1], after[..., 1:] - before[..., :-1]
        lengths = at[..., 1:] - at[..., :-1]
        hopeful = (np.maximum(above, under) > best) & (lengths > 0)
        if spread is not None and rows is window:
            rows = spread.within(hopeful)
        left, right, lengths = at[..., :-1][hopeful], at[..., 1:][hopeful], lengths[hopeful]
        if lengths.sum() <= ENOUGH or lengths.max() <= SPLIT:
            higher, lower = above[hopeful] > best, under[hopeful] > best
            if higher.any():
                best = max(best, _above(reference, rows, m, _places(left[higher], lengths[higher])))
            if lower.any():
                best = max(best, _under(reference, rows, m, _places(left[lower], lengths[lower])))
            return best, best
        inner = left[:, None] - (-lengths[:, None] * np.arange(1, SPLIT) // SPLIT)
        found = rows.at_most(values[inner.ravel() - 1]).reshape(inner.shape)
        at = np.column_stack([left, inner, right])
        now = np.column_stack([now[..., :-1][hopeful], found, now[..., 1:][hopeful]])


def _first_look(reference: Column, window: Column) -> tuple[Array, Array]:
    """Places that part the reference's values, and how many of the window's rows lie below each.

    Of a long window only the bins that may hold the largest difference, two places each. Every so many rows of it are
    looked at first: those few fit the processor's cache and bound all counts, where each search among all rows waits
    for memory several times.
    """
    at, edges = reference.once("kolmogorov", lambda: _parts(reference))
    n, m = reference.present, window.present
    if window.weights is not None or m < LONG or n * m >= 2**62:
        return at, np.concatenate([[0], window.at_most(edges)])
    step = m // SEEN
    least = np.concatenate([[0], at_most(window.ascending[step - 1 :: step].copy(), edges) * step])
    most = np.minimum(least + (step - 1), m)
    most[0] = 0
    before = reference.rows_upto(at) * m
    best = max(int((before - most * n).max()), int((least * n - before).max()))
    hopeful = np.maximum(before[1:] - least[:-1] * n, most[1:] * n - before[:-1]) >= best
    wanted = np.zeros(len(at), dtype=bool)
    wanted[:-1], wanted[0] = hopeful, False
    wanted[1:] |= hopeful
    least[wanted] = window.at_most(edges[wanted[1:]])
    bins = np.flatnonzero(hopeful)[:, None] + np.arange(2)
    return at[bins], least[bins]


def _spread(reference: Column, window: Column) -> Spread | None:
    """The window by cells, where nothing has asked for its order yet: that takes a third of sorting it."""
    unsorted = window.unsorted
    if unsorted is None or len(unsorted) < LEAST:
        return None
    cells = reference.once("cells", lambda: Cells.of(reference))
    return None if cells is None else Spread.of(unsorted, cells)


def _parts(reference: Column) -> tuple[Array, Array]:
    """Positions that part the reference's values into bins of some 30 or more, and the values there."""
    if len(reference.values) <= FEW:
        at = np.append(np.arange(0, len(reference.values), PART), len(reference.values))
        return at, reference.values[at[1:] - 1]
    places = reference.places[:: max(1, len(reference.places) * PART // max(len(reference.values), 1))]
    at = np.unique(np.concatenate([[0], places, [len(reference.values)]]))
    return at, reference.values[at[1:] - 1]


def most_within(before_left: Array, before_right: Array, after_left: Array, after_right: Array) -> Array:
    """No difference within a bin is larger than this."""
    return np.asarray(np.maximum(before_right - after_left, after_right - before_left))


def _above(reference: Column, rows: Column | Within, m: int, places: Array) -> int:
    """By how much the reference's share is above the window's at any of these of the reference's values, at most."""
    n = reference.present
    now = wide(rows.at_most(reference.values[places]), n * m) * n
    return int((wide(reference.rows_upto(places + 1), n * m) * m - now).max())


def _under(reference: Column, rows: Column | Within, m: int, places: Array) -> int:
    """By how much it is under the window's just below any of them, at most."""
    n = reference.present
    now = wide(rows.below(reference.values[places]), n * m) * n
    return int((now - wide(reference.rows_upto(places), n * m) * m).max())


def _places(left: Array, lengths: Array) -> Array:
    """All places in bins that begin there and are so long."""
    ends = lengths.cumsum()
    return np.repeat(left + lengths - ends, lengths) + np.arange(ends[-1])


def _bounds(reference: Column, window: Column) -> tuple[int, int]:
    """Both from the counts in the bins; a bin that holds a single value adds nothing to what its ends tell."""
    grid = grid_of(reference, window)
    n, m = reference.present, window.present
    before, after = wide(ends_on(reference, grid), n * m) * m, wide(ends_on(window, grid), n * m) * n
    low = int(np.abs(before - after).max())
    most = most_within(before[:-1], before[1:], after[:-1], after[1:])
    return low, max(low, int(most[unsure(reference, window)].max(initial=0)))


def unsure(reference: Column, window: Column) -> Array:
    """Which bins of the grid that both are compared on may hold more than one value."""
    grid = grid_of(reference, window)
    whole = is_whole(reference, grid) and is_whole(window, grid)
    return ~grid.points if whole else np.ones(len(grid.points), dtype=bool)


def wide(counts: Array, largest: int) -> Array:
    """Counts that may be multiplied: as Python's own whole numbers where 64 bits would not hold the product."""
    return counts if largest < 2**62 else counts.astype(object)
