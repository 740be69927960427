"""The Kolmogorov-Smirnov distance."""

import math
from dataclasses import dataclass
from typing import ClassVar

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.kolmogorov import largest_gap
from mlmon_dagster.drift.method import Measure, effective_rows
from mlmon_dagster.drift.special import special


@dataclass(frozen=True)
class Ks:
    """Largest difference between the two cumulative distributions, 0 to 1.

    The p-value is the asymptotic one of the two-sample test (Kolmogorov's distribution at sqrt(nm/(n+m)) D),
    conservative where values repeat. Use it for numbers, whatever their scale: it sees a shift and a spread, and no
    single value can hide them. Found in whole numbers by branch and bound over the reference's quantiles.
    Source: Hodges, "The significance probability of the Smirnov two-sample test", 1958.

    >>> Ks().measure(Column.of("x", [1, 2, 3, 4]), Column.of("x", [3, 4, 5, 6])).value
    0.5
    """

    default_threshold: ClassVar[float] = 0.1
    unit: ClassVar[str] = "difference of cumulative shares"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime")
    version: ClassVar[int] = 1
    cost: ClassVar[str] = "one sort, then about a tenth of it; where nothing else needs the sort, half of one"

    def measure(self, reference: Column, window: Column) -> Measure:
        low, high = largest_gap(reference, window)
        rows = effective_rows(reference, window)
        p_value = float(special().kolmogorov(math.sqrt(rows / 2) * low))
        return Measure(low, p_value, low=low, high=high, effect=low, effective_rows=rows)
