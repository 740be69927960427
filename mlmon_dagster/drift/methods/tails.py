"""The change of the shares beyond the reference's outer quantiles."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.bins import on_one_grid
from mlmon_dagster.drift.column import Array, Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows, quantiles

Level = Annotated[float, Field(gt=0, lt=0.5)]

LEVELS = (0.002, 0.005, 0.01, 0.02, 0.05)
"""Shares of the reference that lie beyond, at each end."""


@dataclass(frozen=True)
class Tails:
    """Largest difference of the shares of rows beyond an outer quantile, over the spread of a row's membership.

    For each level l the reference's quantiles l and 1 - l: abs(share beyond in the window - that of the reference) /
    sqrt(l (1 - l)), which counts a rare region as much as a common one. Use it for what `ks` and `psi` see late: more
    extreme values than ever, or fewer. How far out they lie does not matter, so no outlier makes it large.
    Source: Eicker, "The asymptotic distribution of the suprema of the standardized empirical processes", 1979.

    >>> window = [*range(1, 96), 200, 201, 202, 203, 204]
    >>> round(Tails().measure(Column.of("x", range(1, 101)), Column.of("x", window)).value, 2)
    1.12
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "standard deviations of a row's membership"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime")
    version: ClassVar[int] = 1
    cost: ClassVar[str] = "one sort, ten searches"

    levels: Annotated[tuple[Level, ...], Field(min_length=1, description="shares of rows beyond, at each end")] = LEVELS

    def measure(self, reference: Column, window: Column) -> Measure:
        if not window.exact:
            reference, window = on_one_grid(reference, window)
        cuts, spread, before = reference.once(("tails", self.levels), lambda: self._of(reference))
        value = float((np.abs(before - _beyond(window, cuts)) / spread).max())
        return Measure(value, effect=value, effective_rows=effective_rows(reference, window))

    def _of(self, reference: Column) -> tuple[Array, Array, Array]:
        """Where the reference is cut, the spread of a row's membership, and the shares beyond."""
        levels = np.asarray(self.levels)
        cuts = quantiles(reference, np.concatenate([levels, 1 - levels]))
        spread = np.sqrt(levels * (1 - levels))
        return cuts, np.concatenate([spread, spread]), _beyond(reference, cuts)


def _beyond(column: Column, cuts: Array) -> Array:
    """The shares at or below the lower cuts, then above the upper ones."""
    shares = column.at_most(cuts) / column.present
    upper = shares[len(cuts) // 2 :]
    np.subtract(1, upper, out=upper)
    return shares
