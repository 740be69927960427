"""The check `present`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mlmon_dagster.governance.check import Judgement


@dataclass(frozen=True)
class Present:
    """Passes when the metric was measured at all: the dead man's switch of a monitor.

    >>> Present(metric="performance.mae").judge({})
    Judgement(verdict='no_data', reason='performance.mae was not measured')
    """

    metric: str

    def judge(self, metrics: Mapping[str, float]) -> Judgement:
        """`no_data` without the metric or when it is not a number."""
        if math.isnan(metrics.get(self.metric, math.nan)):
            return Judgement("no_data", f"{self.metric} was not measured")
        return Judgement("ok", f"{self.metric} was measured")
