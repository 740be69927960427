"""The Wasserstein distance in units of the reference's spread."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, cumulative, quantiles


@dataclass(frozen=True)
class Wasserstein:
    """Area between the two cumulative distributions (earth mover's distance), in standard deviations of the reference.

    Where the reference is constant its spread is that of the window: noise on a constant is measured against itself.
    Source: Villani, "Optimal Transport", 2009, section 6; normalised as Evidently does.
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "standard deviations of the reference"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime")

    def measure(self, reference: Column, window: Column) -> Measure:
        values, below_reference, below_window = cumulative(reference, window)
        gaps = np.abs(below_reference / reference.present - below_window / window.present)[:-1]
        distance = float(np.dot(gaps, np.diff(values).astype(np.float64)))
        return Measure(distance / scale(reference, window) if distance else 0.0)


def scale(reference: Column, window: Column) -> float:
    """The spread that distances are measured in: the reference's, else the window's, else 1."""
    lower, middle, upper = quantiles(reference, [0.25, 0.5, 0.75])
    candidates = (reference.std, float(upper - lower) / 1.349, window.std, abs(float(middle)))
    return next((one for one in candidates if np.isfinite(one) and one > 0), 1.0)
