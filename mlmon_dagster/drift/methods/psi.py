"""The population stability index."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, filled, shares


@dataclass(frozen=True)
class Psi:
    """Population stability index: sum of (q - p) ln(q / p) over bins; 0 for equal distributions, without upper bound.

    Bins are the reference's quantiles, or its categories; empty bins count half a row. The p-value compares
    PSI / (1/n + 1/m) with chi-square at (bins - 1) degrees of freedom.
    Source: Yurdakul, "Statistical Properties of Population Stability Index", 2018.
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "nats"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime", "categorical", "boolean")

    bins: Annotated[int, Field(ge=2, le=1000, description="equally filled bins of the reference")] = 10

    def measure(self, reference: Column, window: Column) -> Measure:
        from scipy.special import chdtrc

        p, q = shares(reference, window, self.bins)
        lifted_p, lifted_q = filled(p, reference.present), filled(q, window.present)
        value = float(np.sum((lifted_q - lifted_p) * np.log(lifted_q / lifted_p)))
        freedom = len(p) - 1
        noise = 1 / reference.present + 1 / window.present
        return Measure(max(value, 0.0), float(chdtrc(freedom, value / noise)) if freedom and value > 0 else 1.0)
