"""The Hellinger distance."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, shares


@dataclass(frozen=True)
class Hellinger:
    """Square root of 1 - sum of sqrt(p q) over bins, 0 to 1.

    Bins are the reference's quantiles, or the categories of both sides.
    Source: Le Cam and Yang, "Asymptotics in Statistics", 2000.
    """

    default_threshold: ClassVar[float] = 0.15
    unit: ClassVar[str] = "distance"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime", "categorical", "boolean")

    bins: Annotated[int, Field(ge=2, le=1000, description="equally filled bins of the reference")] = 10

    def measure(self, reference: Column, window: Column) -> Measure:
        p, q = shares(reference, window, self.bins)
        return Measure(float(np.sqrt(max(0.0, 1.0 - float(np.sum(np.sqrt(p * q)))))))
