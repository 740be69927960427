"""The z of the mean: its shift in standard errors."""

import math
from dataclasses import dataclass
from typing import ClassVar

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows
from mlmon_dagster.drift.spread import mean_shift, scale


@dataclass(frozen=True)
class MeanZ:
    """Absolute difference of the means in standard errors of that difference, with its p-value (Welch, normal limit).

    The larger the window, the smaller the shift it sees: with many rows use `zscore`, whose unit does not depend on
    their number. Where neither side varies there is no standard error, and the reference's spread (`zscore`) stands in.
    Source: Welch, "The generalization of Student's problem", 1947.

    >>> round(MeanZ().measure(Column.of("x", [1, 2, 3, 4]), Column.of("x", [3, 4, 5, 6])).value, 3)
    2.53
    """

    default_threshold: ClassVar[float] = 4.0
    unit: ClassVar[str] = "standard errors"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime")
    version: ClassVar[int] = 1
    unbounded: ClassVar[bool] = True
    cost: ClassVar[str] = "one pass; no sort of its own"

    def measure(self, reference: Column, window: Column) -> Measure:
        shift = mean_shift(reference, window)
        effect = shift.distance / scale(reference, window) if shift.distance else 0.0
        rows = effective_rows(reference, window)
        value = shift.distance / shift.error if shift.error else effect * math.sqrt(rows / 2)
        low, high = (value, math.inf) if shift.clipped else (value, value)
        return Measure(value, shift.p_value, low, high, shift.distance, effect, rows)
