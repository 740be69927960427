"""Unsorted floats in equally wide cells: they tell in which few the largest difference of shares may lie."""

from dataclasses import dataclass, field

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.method import quantiles
from mlmon_dagster.drift.search import Array, at_most, below
from mlmon_dagster.drift.unsorted import Unsorted

CELLS = 1 << 15
"""Their counts fit the processor's cache."""

CORE = (0.001, 0.999)
"""Quantiles of the reference between which the cells lie; the first and the last one reach on beyond."""

BLOCK = 1 << 15
"""Rows worked on at a time: they fit the processor's cache."""

SHARE = 16
"""If one row in so many lies between the first and the last cell that is wanted, all of them are taken."""

LEAST = 1 << 16
"""Fewer rows are sorted as fast."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Equally wide cells; the greater a value, the greater its cell, whatever is rounded on the way."""

    low: float
    factor: float
    top: float
    """The reference's largest value."""
    at: Array = field(repr=False)
    """How many of the reference's values lie before each cell, and all of them at the end."""

    @classmethod
    def of(cls, reference: Column) -> "Cells | None":
        """Those of a reference; None where they would tell nothing."""
        values = reference.values
        if values.dtype.kind != "f" or len(values) < LEAST:
            return None
        low, high = quantiles(reference, CORE).astype(np.float64).tolist()
        factor = CELLS / (high - low) if high > low else np.inf
        if not 0 < factor < np.inf:
            return None
        top = float(values[-1])
        bare = cls(low, factor, top, values[:0])
        return cls(low, factor, top, np.searchsorted(bare.places(values), np.arange(CELLS + 1)))

    def places(self, values: Array) -> Array:
        """The cell of each value (uint16, which takes least to read again)."""
        places, buffer = np.empty(len(values), dtype=np.uint16), np.empty(min(BLOCK, len(values)))
        with np.errstate(over="ignore"):
            for start in range(0, len(values), BLOCK):
                block = values[start : start + BLOCK]
                away = buffer[: len(block)]
                np.subtract(block, self.low, out=away, dtype=np.float64)
                np.multiply(away, self.factor, out=away)
                away.clip(0, CELLS - 1, out=away)
                np.copyto(places[start : start + BLOCK], away, casting="unsafe")
        return places


@dataclass(frozen=True, eq=False)
class Spread:
    """A window's rows by cell."""

    rows: Unsorted
    cells: Cells
    places: Array = field(repr=False)
    before: Array = field(repr=False)
    """Rows before each cell, and all of them at the end."""

    @classmethod
    def of(cls, rows: Unsorted, cells: Cells) -> "Spread":
        places = cells.places(rows.values)
        before = np.zeros(CELLS + 1, dtype=np.int64)
        np.cumsum(np.bincount(places, minlength=CELLS), out=before[1:])
        return cls(rows, cells, places, before)

    def within(self, wanted: Array) -> "Within":
        """The rows in some cells, in order; also those in cells between them, if they are few.

        Rows above the reference's largest value are left out: nobody asks how many lie at or below one of those.
        """
        there = np.flatnonzero(wanted)
        first, last = (int(there[0]), int(there[-1])) if len(there) else (0, -1)
        if (self.before[last + 1] - self.before[first]) * SHARE <= len(self.rows):
            wanted = np.zeros(CELLS, dtype=bool)
            wanted[first : last + 1] = True
            found = (self.places >= first) & (self.places <= last)
        else:
            found = wanted.take(self.places)
        chosen = self.rows.values[np.flatnonzero(found)]
        if wanted[-1]:  # where a window has moved up, most of its rows may lie above all of the reference's
            chosen = chosen[chosen <= self.cells.top]
        chosen.sort()
        earlier = np.cumsum(np.where(wanted, np.diff(self.before), 0))
        return Within(self.cells, chosen, self.before[1:] - earlier)


@dataclass(frozen=True, eq=False)
class Within:
    """Counts a window's rows at thresholds that lie in the cells it was made for."""

    cells: Cells
    chosen: Array = field(repr=False)
    left_out: Array = field(repr=False)
    """For each cell, the rows in cells up to it that are not among the chosen."""

    def at_most(self, thresholds: Array) -> Array:
        """For each threshold, how many rows are at or below it."""
        return np.asarray(self.left_out[self.cells.places(thresholds)] + at_most(self.chosen, thresholds))

    def below(self, thresholds: Array) -> Array:
        """For each threshold, how many rows are strictly below it."""
        return np.asarray(self.left_out[self.cells.places(thresholds)] + below(self.chosen, thresholds))
