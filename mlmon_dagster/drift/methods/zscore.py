"""The shift of the mean in standard deviations of the reference."""

from dataclasses import dataclass
from typing import ClassVar

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows
from mlmon_dagster.drift.spread import mean_shift, scale


@dataclass(frozen=True)
class Zscore:
    """Absolute difference of the means in standard deviations of the reference, with the p-value of Welch's test.

    The p-value uses the normal limit of Welch's t. The score of a single record is `drift.zscore`. Use it where the
    mean is what counts; a few far outliers move it.
    Source: Welch, "The generalization of Student's problem", 1947.

    >>> round(Zscore().measure(Column.of("x", [1, 2, 3, 4]), Column.of("x", [3, 4, 5, 6])).value, 3)
    1.789
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "standard deviations of the reference"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime")
    version: ClassVar[int] = 1
    unbounded: ClassVar[bool] = True
    cost: ClassVar[str] = "one pass; no sort of its own"

    def measure(self, reference: Column, window: Column) -> Measure:
        shift = mean_shift(reference, window)
        unit = scale(reference, window)
        value = shift.distance / unit if shift.distance else 0.0
        high = float("inf") if shift.clipped else (shift.distance + shift.unsure) / unit
        low = max(0.0, shift.distance - shift.unsure) / unit
        rows = effective_rows(reference, window)
        return Measure(value, shift.p_value, low, high, shift.distance, value, rows)
