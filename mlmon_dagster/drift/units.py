"""Unsorted floats counted on a grid: they are sorted as whole units of 32 bits, in half the time floats would take.

Units never fall where values rise, so counts between two edges follow from the edges' units. Only rows whose unit is
that of an edge are looked at themselves.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from mlmon_dagster.drift.fixed_point import Sums, added, sums, sums_of_units
from mlmon_dagster.drift.grid import Grid
from mlmon_dagster.drift.search import Array, at_most
from mlmon_dagster.drift.unsorted import Unsorted

REACH = 2.0**31 - 1
"""Rows so far from the origin, in units, or further are counted apart."""

BLOCK = 1 << 14
"""Rows worked on at a time: they fit the processor's cache."""

LEAST = 1 << 14
"""Fewer rows are sorted as fast."""

SHARE = 8
"""If more than one row in so many has the unit of an edge, floats are sorted."""

SINGLY = 4
"""Units that are looked for one after the other; more are looked up in a table."""


@dataclass(frozen=True, eq=False)
class Counted:
    """How many rows lie at or below each edge, from 0 for none to all, and their sums."""

    ends: Array
    sums: Sums


KEPT = 31 << 20
"""Bytes of freed arrays that the process keeps."""


@cache
def keep_memory() -> None:
    """Has the process keep the memory of freed arrays: asking for it anew for each batch costs as much as sorting it.

    The C library gives arrays back to the system until it has seen a larger one freed (`M_MMAP_THRESHOLD`, mallopt(3)),
    which need not be touched for that.
    """
    np.empty(KEPT, dtype=np.uint8)


def counted(rows: Unsorted, grid: Grid) -> Counted | None:
    """The rows on the grid; None where sorting the floats takes no longer."""
    keep_memory()
    if grid.edges.dtype.kind != "f" or len(rows) < LEAST:
        return None
    units, far = _units(rows, grid)
    if len(far) * 2 > len(rows):
        return None
    low = int((far < grid.origin).sum())
    ascending = np.sort(units)[low : len(units) - (len(far) - low)]
    ends = _ends(rows.values, units, ascending, grid)
    if ends is None:
        return None
    found = sums_of_units(ascending, ends)
    if not len(far):
        return Counted(ends, found)
    beyond = np.concatenate([[0], at_most(far, grid.edges), [len(far)]])
    return Counted(ends + beyond, added(found, sums(far, None, beyond, grid)))


def _units(rows: Unsorted, grid: Grid) -> tuple[Array, Array]:
    """The rows in units, and in order the rows out of reach, which are the smallest or the largest unit."""
    units, far, buffer = np.empty(len(rows), dtype=np.int32), [rows.values[:0]], np.empty(BLOCK)
    ends = grid.fixed(np.array([rows.low, rows.high]))
    near = max(-ends[0], ends[1]) < REACH
    for start in range(0, len(rows), BLOCK):
        block = rows.values[start : start + BLOCK]
        found = grid.fixed(block, buffer[: len(block)])
        if not near and max(-found.min(), found.max()) >= REACH:
            far.append(block[np.abs(found) >= REACH])
            np.clip(found, -REACH, REACH, out=found)
        np.copyto(units[start : start + BLOCK], found, casting="unsafe")
    return units, np.sort(np.concatenate(far))


def _ends(values: Array, units: Array, ascending: Array, grid: Grid) -> Array | None:
    at = grid.edge_units
    upto = np.searchsorted(ascending, at, side="right")
    same = ascending[np.maximum(upto - 1, 0)] == at if len(ascending) else np.zeros(len(at), dtype=bool)
    if same.any():
        at, edges = at[same], grid.edges[same]
        under = np.searchsorted(ascending, at, side="left")
        wanted, first = np.unique(at, return_index=True)
        if int((upto[same] - under)[first].sum()) * SHARE > len(values):
            return None
        chosen = np.sort(_with_units(values, units, wanted))
        upto[same] = under + at_most(chosen, edges) - np.searchsorted(grid.fixed(chosen), at, side="left")
    return np.concatenate([[0], upto, [len(ascending)]])


def _with_units(values: Array, units: Array, wanted: Array) -> Array:
    """The values whose unit is one of these."""
    if len(wanted) <= SINGLY:
        return np.asarray(values[np.concatenate([np.flatnonzero(units == unit) for unit in wanted.tolist()])])
    low = np.zeros(1 << 16, dtype=bool)
    low[wanted & 0xFFFF] = True
    places, index = [], np.empty(BLOCK, dtype=np.intp)
    for start in range(0, len(units), BLOCK):
        block = units[start : start + BLOCK]
        here = index[: len(block)]
        places.append(np.flatnonzero(low[np.bitwise_and(block, 0xFFFF, out=here)]) + start)
    found = np.concatenate(places)
    return np.asarray(values[found[np.isin(units[found], wanted)]])
