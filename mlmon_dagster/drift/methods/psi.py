"""The population stability index."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows, filled, shares
from mlmon_dagster.drift.special import special


@dataclass(frozen=True)
class Psi:
    """Population stability index: sum of (q - p) ln(q / p) over bins; 0 for equal distributions, without upper bound.

    Bins are the reference's quantiles, or its categories; empty bins count half a row. The p-value compares
    PSI / (1/n + 1/m) with chi-square at (bins - 1) degrees of freedom. Use it where a model's documentation or a
    regulator speaks of PSI; thin windows have a large one without any drift, which the p-value tells.
    Source: Yurdakul, "Statistical Properties of Population Stability Index", 2018.

    >>> round(Psi().measure(Column.of("x", ["a", "b"] * 50), Column.of("x", ["a"] * 75 + ["b"] * 25)).value, 4)
    0.2747
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "nats"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime", "categorical", "boolean")
    version: ClassVar[int] = 2
    cost: ClassVar[str] = "one sort, one search for each bin; for categories one count"

    bins: Annotated[int, Field(ge=2, le=1000, description="equally filled bins of the reference")] = 10

    def measure(self, reference: Column, window: Column) -> Measure:
        p, q = shares(reference, window, self.bins)
        lifted_p, lifted_q = filled(p, reference.present), filled(q, window.present)
        value = float(((lifted_q - lifted_p) * np.log(lifted_q / lifted_p)).sum())
        freedom = len(p) - 1
        noise = 1 / reference.effective + 1 / window.effective
        p_value = float(special().chdtrc(freedom, value / noise)) if freedom and value > 0 else 1.0
        value = max(value, 0.0)
        return Measure(value, p_value, effect=value, effective_rows=effective_rows(reference, window))
