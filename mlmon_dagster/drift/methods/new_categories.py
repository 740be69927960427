"""The share of rows in categories that the reference never saw."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure


@dataclass(frozen=True)
class NewCategories:
    """Share of the window's rows whose category does not occur in the reference, 0 to 1."""

    default_threshold: ClassVar[float] = 0.01
    unit: ClassVar[str] = "share of rows"
    kinds: ClassVar[tuple[Kind, ...]] = ("categorical", "boolean")

    def measure(self, reference: Column, window: Column) -> Measure:
        unseen = ~np.isin(window.values, reference.values)
        return Measure(float(window.counts[unseen].sum() / window.present))
