"""The Wasserstein distance in units of the reference's spread."""

from dataclasses import dataclass
from typing import ClassVar

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows
from mlmon_dagster.drift.spread import scale
from mlmon_dagster.drift.transport import area


@dataclass(frozen=True)
class Wasserstein:
    """Area between the two cumulative distributions (earth mover's distance), in standard deviations of the reference.

    Where the reference is constant its spread is that of the window: noise on a constant is measured against itself.
    Use it where the size of a shift matters, not only its share of rows; one far outlier moves it
    (`wasserstein_clipped` does not mind).
    Source: Villani, "Optimal Transport", 2009, section 6; normalised as Evidently does.

    >>> Wasserstein().measure(Column.of("x", [1, 2, 3, 4]), Column.of("x", [3, 4, 5, 6])).raw
    2.0
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "standard deviations of the reference"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime")
    version: ClassVar[int] = 1
    unbounded: ClassVar[bool] = True
    cost: ClassVar[str] = "one sort, then about a fifth of it; from bins a hundredth"

    def measure(self, reference: Column, window: Column) -> Measure:
        distance, low, high = area(reference, window)
        unit = scale(reference, window)
        value = distance / unit if distance else 0.0
        rows = effective_rows(reference, window)
        return Measure(value, None, low / unit, high / unit, distance, value, rows)
