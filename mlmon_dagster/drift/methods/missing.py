"""The change of the share of missing values."""

import math
from dataclasses import dataclass
from typing import ClassVar

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure
from mlmon_dagster.drift.special import special


@dataclass(frozen=True)
class Missing:
    """Absolute difference of the shares of rows without a usable value (null, NaN or infinite), 0 to 1.

    The p-value is that of the two-proportion z-test with the pooled share. Use it beside every other method: those
    measure present values only.
    Source: Agresti, "Categorical Data Analysis", 2002, section 3.1.

    >>> Missing().measure(Column.of("x", [1, 2]), Column.of("x", [1, None])).value
    0.5
    """

    default_threshold: ClassVar[float] = 0.05
    unit: ClassVar[str] = "share of rows"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime", "categorical", "boolean")
    version: ClassVar[int] = 1
    cost: ClassVar[str] = "none of its own: the rows are counted anyway"

    def measure(self, reference: Column, window: Column) -> Measure:
        n, m = reference.rows, window.rows
        p, q = 1 - reference.present / n, 1 - window.present / m
        pooled = (n * p + m * q) / (n + m)
        error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        p_value = float(special().erfc(abs(p - q) / error / math.sqrt(2))) if error else 1.0
        return Measure(abs(p - q), p_value, effect=abs(p - q), effective_rows=2 * n * m / (n + m))
