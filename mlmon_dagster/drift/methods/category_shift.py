"""The largest change of a category's share, by what a change of that category means."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows, shares


@dataclass(frozen=True)
class CategoryShift:
    """Largest difference of a category's share over the spread of a row's membership, sqrt(r (1 - r)).

    r is the category's share of the rows of both sides together, and the spread at least that of one row of the smaller
    side; categories the reference never saw count as one. Use it where one category that grows or vanishes is the
    event: a rare one counts as much as a frequent one, which `linf` sees late, and many categories do not drown it, as
    they do in `psi` and `chi_square`.
    Source: Haberman, "The analysis of residuals in cross-classified tables", 1973 (adjusted residuals, per row).

    >>> shift = CategoryShift().measure(Column.of("x", ["a", "b"] * 50), Column.of("x", ["a"] * 100))
    >>> round(shift.value, 3), shift.raw
    (1.155, 0.5)
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "standard deviations of a row's membership"
    kinds: ClassVar[tuple[Kind, ...]] = ("categorical", "boolean")
    version: ClassVar[int] = 1
    cost: ClassVar[str] = "one count of the categories"

    def measure(self, reference: Column, window: Column) -> Measure:
        p, q = shares(reference, window, 0)
        n, m = reference.present, window.present
        both = (n * p + m * q) / (n + m)
        spread = np.sqrt(np.maximum(both * (1 - both), 1 / (min(n, m) + 1)))
        apart = np.abs(p - q)
        value = float((apart / spread).max())
        return Measure(value, raw=float(apart.max()), effect=value, effective_rows=effective_rows(reference, window))
