"""The grid of a reference: the edges that later rows are counted between, and the fixed point they are summed in."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from mlmon_dagster.drift.column import Column, offsets
from mlmon_dagster.drift.search import Array, previous

LEVELS = 4000
"""Equally filled bins of a grid; a multiple of 10, 20, 100 and 1000, so that deciles and percentiles are edges."""

FEW = 10_000
"""With no more distinct values each has a bin of its own, and what is measured on the grid is next to exact."""

BITS = 31
"""Values of the reference lie within 2**31 units of its origin: half a billionth of its range is one unit."""

LIMIT = 2.0**48
"""Values further away than so many units are held to be that far, and counted as clipped."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Edges in ascending order, and a fixed point: a value x is `floor((x - origin) * 2**exponent + 0.5)` units.

    Bins are closed on the right: `(edges[i - 1], edges[i]]`, one below the first edge and one above the last.
    Counts and sums in units are whole numbers, so that they add up to the same bytes in any order and on any engine.
    """

    edges: Array = field(repr=False)
    origin: int | float
    exponent: int

    @classmethod
    def of(cls, column: Column) -> "Grid":
        """The grid of a reference's column: its quantiles, its tails, and a bin of their own for frequent values.

        Between a frequent value (an atom) and the edge before it lies no other number, so that nothing about the
        atom is uncertain. Below the smallest value stands an edge, so that later values beyond the range are told.
        """
        values = column.values
        if not len(values):
            return cls(np.zeros(1), 0.0, 0)
        if values.dtype.kind == "f":
            values = values.astype(np.float64)
        atoms = values if len(values) <= FEW else values[:0]
        if column.repeats and len(values) > FEW:
            atoms = values[column.counts * (2 * LEVELS) > column.present]
        tight = np.concatenate([atoms, values[:1]])
        edges = np.unique(np.concatenate([values[places(column) - 1], tight, previous(tight)])) + 0  # -0.0 is 0.0
        low, high = values[0].item(), values[-1].item()
        whole = isinstance(low, int)
        origin = (low + high) // 2 if whole else low / 2 + high / 2
        away = max(high - origin, origin - low) or abs(origin) or 1
        exponent = BITS - int(np.frexp(float(away))[1])
        return cls(edges, origin, int(np.clip(exponent, -1000, 1000)))

    @property
    def unit(self) -> float:
        """The length of one unit."""
        return float(2.0**-self.exponent)

    @cached_property
    def points(self) -> Array:
        """Which bins hold one value only, whatever number of the grid's type comes."""
        inner = previous(self.edges[1:]) == self.edges[:-1]
        return np.concatenate([[False], inner, [False]])

    @cached_property
    def edge_units(self) -> Array:
        """Edges in units of 32 bits; what lies beyond is as far as they reach."""
        return np.asarray(np.clip(self.fixed(self.edges), 1 - 2.0**31, 2.0**31 - 1).astype(np.int32))

    def fixed(self, values: Array, into: Array | None = None) -> Array:
        """Ascending values in units: whole numbers as float64, within LIMIT."""
        units = offsets(values, self.origin, into)
        np.multiply(units, 2.0**self.exponent, out=units)
        np.add(units, 0.5, out=units)
        np.floor(units, out=units)
        if len(units) and max(-units[0], units[-1]) > LIMIT:
            np.clip(units, -LIMIT, LIMIT, out=units)
        return units

    def same(self, other: "Grid") -> bool:
        """Whether counts on both may be added."""
        mine, its = (self.origin, self.exponent), (other.origin, other.exponent)
        return self is other or (mine == its and np.array_equal(self.edges, other.edges))


def places(column: Column) -> Array:
    """How many of the values lie below each edge: equally filled bins, and ever smaller ones at both tails."""
    rows = column.present
    ranks = level_ranks(np.arange(1, LEVELS), rows)
    tail = rows // LEVELS >> np.arange(1, 64)
    tail = tail[tail > 0]
    wanted = np.concatenate([[1], tail, ranks, rows - tail, [rows]])
    return np.unique(column.place_of(wanted))


def level_ranks(levels: Array, rows: int) -> Array:
    """The rank of the value that lies at each level (of LEVELS): the smallest with that share at or below it."""
    whole, rest = divmod(rows, LEVELS)
    return np.asarray(np.maximum(levels * whole + -(-levels * rest // LEVELS), 1))
