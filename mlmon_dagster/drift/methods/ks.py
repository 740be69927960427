"""The Kolmogorov-Smirnov distance."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, cumulative


@dataclass(frozen=True)
class Ks:
    """Largest difference between the two cumulative distributions, 0 to 1.

    The p-value is the asymptotic one of the two-sample test (Kolmogorov's distribution at sqrt(nm/(n+m)) D),
    conservative where values repeat.
    Source: Hodges, "The significance probability of the Smirnov two-sample test", 1958.

    >>> Ks().measure(Column.of("x", [1, 2, 3, 4]), Column.of("x", [3, 4, 5, 6])).value
    0.5
    """

    default_threshold: ClassVar[float] = 0.1
    unit: ClassVar[str] = "difference of cumulative shares"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime")

    def measure(self, reference: Column, window: Column) -> Measure:
        from scipy.special import kolmogorov

        _, below_reference, below_window = cumulative(reference, window)
        n, m = reference.present, window.present
        distance = float(np.abs(below_reference * m - below_window * n).max() / (n * m))
        return Measure(distance, float(kolmogorov(np.sqrt(n * m / (n + m)) * distance)))
