"""The Jensen-Shannon distance."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows, shares
from mlmon_dagster.drift.special import special


@dataclass(frozen=True)
class JensenShannon:
    """Square root of the Jensen-Shannon divergence to base 2, 0 to 1.

    Bins are the reference's quantiles, or its categories. The p-value is that of the G-test for a two-row
    table, whose statistic is 2 (n + m) times a weighted form of the same divergence. Use it for categories, and for
    numbers where any change of shape matters and not only a shift.
    Source: Endres and Schindelin, "A new metric for probability distributions", 2003.

    >>> JensenShannon().measure(Column.of("x", ["a"]), Column.of("x", ["b"])).value
    1.0
    """

    default_threshold: ClassVar[float] = 0.15
    unit: ClassVar[str] = "distance, base 2"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime", "categorical", "boolean")
    version: ClassVar[int] = 1
    cost: ClassVar[str] = "one sort, one search for each bin; for categories one count"

    bins: Annotated[int, Field(ge=2, le=1000, description="equally filled bins of the reference")] = 10

    def measure(self, reference: Column, window: Column) -> Measure:
        rel_entr = special().rel_entr
        p, q = shares(reference, window, self.bins)
        middle = (p + q) / 2
        divergence = float((rel_entr(p, middle) + rel_entr(q, middle)).sum()) / (2 * math.log(2))
        n, m = reference.effective, window.effective
        pooled = (n * p + m * q) / (n + m)
        statistic = 2 * float((n * rel_entr(p, pooled) + m * rel_entr(q, pooled)).sum())
        freedom = int(np.count_nonzero(pooled)) - 1
        p_value = float(special().chdtrc(freedom, statistic)) if freedom else 1.0
        value = math.sqrt(max(divergence, 0.0))
        return Measure(value, p_value, effect=value, effective_rows=effective_rows(reference, window))
