"""The shift of the mean in standard deviations of the reference."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure
from mlmon_dagster.drift.methods.wasserstein import scale


@dataclass(frozen=True)
class Zscore:
    """Absolute difference of the means in standard deviations of the reference, with the p-value of Welch's test.

    The p-value uses the normal limit of Welch's t. The score of a single record is `drift.zscore`.
    Source: Welch, "The generalization of Student's problem", 1947.
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "standard deviations of the reference"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime")

    def measure(self, reference: Column, window: Column) -> Measure:
        from scipy.special import erfc

        shift = abs(window.mean - reference.mean)
        error = np.sqrt(reference.std**2 / reference.present + window.std**2 / window.present)
        p_value = float(erfc(shift / error / np.sqrt(2))) if error else float(shift == 0)
        return Measure(shift / scale(reference, window) if shift else 0.0, p_value)
