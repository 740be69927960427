"""The largest shift of a quantile."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Array, Column, Kind, offsets, origin_of
from mlmon_dagster.drift.method import Measure, effective_rows, quantiles
from mlmon_dagster.drift.spread import robust_scale

Level = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class QuantileShift:
    """Largest absolute shift of the chosen quantiles, in robust standard deviations of the reference (IQR / 1.349).

    Use it to watch a tail or the middle in words that people understand ("the 95th percentile has risen"); a single
    outlier moves neither the quantiles nor their unit.
    Source: Wilcox, "Comparing two independent groups via multiple quantiles", 1995.

    >>> shift = QuantileShift().measure(Column.of("x", range(1000)), Column.of("x", range(100, 1100)))
    >>> shift.raw, round(shift.value, 3)
    (100.0, 0.27)
    """

    default_threshold: ClassVar[float] = 0.25
    unit: ClassVar[str] = "robust standard deviations of the reference"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime")
    version: ClassVar[int] = 1
    cost: ClassVar[str] = "one sort, one look-up for each quantile"

    levels: Annotated[tuple[Level, ...], Field(min_length=1, description="shares below each quantile")] = (
        0.05, 0.25, 0.5, 0.75, 0.95,
    )  # fmt: skip

    def measure(self, reference: Column, window: Column) -> Measure:
        origin = origin_of(reference.ascending)
        before = reference.once(("levels", self.levels), lambda: _ends(reference, self.levels, origin))
        now = _ends(window, self.levels, origin)
        shifts = np.abs(now[1] - before[1])
        scale = robust_scale(reference, window)
        low = high = value = float(shifts.max())
        if not (reference.exact and window.exact):
            most = np.maximum(np.abs(now[1] - before[0]), np.abs(now[0] - before[1]))
            apart = np.maximum(np.maximum(now[0] - before[1], before[0] - now[1]), 0)
            low, high = min(float(apart.max()), value), float(np.maximum(most, shifts).max())
        return Measure(
            value / scale, None, low / scale, high / scale, value, value / scale, effective_rows(reference, window)
        )


def _ends(column: Column, levels: tuple[float, ...], origin: Any) -> tuple[Array, Array]:
    """Between which two distances from an origin each quantile lies: the same one twice where every value is known."""
    upper = quantiles(column, levels)
    if column.bins is None:
        away = offsets(upper, origin)
        return away, away
    place = np.searchsorted(column.ascending, upper)
    edges, points = column.bins.grid.edges, column.bins.grid.points
    lower = np.where(points[place], upper, edges[np.maximum(place - 1, 0)])
    return offsets(lower, origin), offsets(upper, origin)
