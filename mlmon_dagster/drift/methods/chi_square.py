"""Cramer's V with the chi-square test."""

import math
from dataclasses import dataclass
from typing import ClassVar

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows, shares
from mlmon_dagster.drift.special import special


@dataclass(frozen=True)
class ChiSquare:
    """Cramer's V of the table reference/window by category, 0 to 1, with the p-value of the chi-square test.

    V is that of equally many rows on both sides, so that a reference of a million rows does not make it small.
    Two samples are compared (a contingency table), so a category that only one side has is no division by zero.
    Use it where a test is asked for; for the size of a change, `jensen_shannon`.
    Source: Cramer, "Mathematical Methods of Statistics", 1946.

    >>> ChiSquare().measure(Column.of("x", ["a", "b"] * 50), Column.of("x", ["a"] * 100)).value
    0.5773502691896257
    """

    default_threshold: ClassVar[float] = 0.1
    unit: ClassVar[str] = "Cramer's V"
    kinds: ClassVar[tuple[Kind, ...]] = ("categorical", "boolean")
    version: ClassVar[int] = 3
    cost: ClassVar[str] = "one count of the categories"

    def measure(self, reference: Column, window: Column) -> Measure:
        p, q = shares(reference, window, 0)
        n, m = reference.effective, window.effective
        pooled = (n * p + m * q) / (n + m)
        statistic = float(((n * (p - pooled) ** 2 + m * (q - pooled) ** 2) / pooled).sum())
        freedom = len(pooled) - 1
        p_value = float(special().chdtrc(freedom, statistic)) if freedom else 1.0
        value = math.sqrt(((p - q) ** 2 / (p + q)).sum() / 2)
        return Measure(value, p_value, effect=value, effective_rows=effective_rows(reference, window))
