"""The largest change of a category's share."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows, shares


@dataclass(frozen=True)
class Linf:
    """Largest absolute difference of a category's share, 0 to 1; categories the reference never saw count as one.

    Use it where one category that grows or vanishes is the event, whatever the others do.
    Source: Deequ's `CategoricalDistance` and Amazon SageMaker Model Monitor, "LInfinity".

    >>> Linf().measure(Column.of("x", ["a", "b"] * 50), Column.of("x", ["a"] * 100)).value
    0.5
    """

    default_threshold: ClassVar[float] = 0.1
    unit: ClassVar[str] = "share of rows"
    kinds: ClassVar[tuple[Kind, ...]] = ("categorical", "boolean")
    version: ClassVar[int] = 1
    cost: ClassVar[str] = "one count of the categories"

    def measure(self, reference: Column, window: Column) -> Measure:
        p, q = shares(reference, window, 0)
        value = float(np.abs(p - q).max())
        return Measure(value, effect=value, effective_rows=effective_rows(reference, window))
