"""The Hellinger distance."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows, shares


@dataclass(frozen=True)
class Hellinger:
    """Square root of 1 - sum of sqrt(p q) over bins, 0 to 1.

    Bins are the reference's quantiles, or its categories. Use it like `jensen_shannon`, which has a test beside; it
    weighs bins that one side lacks more heavily.
    Source: Le Cam and Yang, "Asymptotics in Statistics", 2000.

    >>> round(Hellinger().measure(Column.of("x", ["a", "b"] * 50), Column.of("x", ["a"] * 100)).value, 4)
    0.5412
    """

    default_threshold: ClassVar[float] = 0.15
    unit: ClassVar[str] = "distance"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime", "categorical", "boolean")
    version: ClassVar[int] = 1
    cost: ClassVar[str] = "one sort, one search for each bin; for categories one count"

    bins: Annotated[int, Field(ge=2, le=1000, description="equally filled bins of the reference")] = 10

    def measure(self, reference: Column, window: Column) -> Measure:
        p, q = shares(reference, window, self.bins)
        value = math.sqrt(max(0.0, 1.0 - float(np.sqrt(p * q).sum())))
        return Measure(value, effect=value, effective_rows=effective_rows(reference, window))
