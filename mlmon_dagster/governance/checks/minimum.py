"""The check `minimum`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mlmon_dagster.governance.check import Judgement


@dataclass(frozen=True)
class Minimum:
    """Passes while the metric is at least the limit.

    >>> Minimum(metric="rows", limit=100).judge({"rows": 250})
    Judgement(verdict='ok', reason='rows is 250, at least 100')
    """

    metric: str
    limit: float

    def judge(self, metrics: Mapping[str, float]) -> Judgement:
        """`error` below the limit, `no_data` without the metric."""
        value = metrics.get(self.metric, math.nan)
        if math.isnan(value):
            return Judgement("no_data", f"{self.metric} was not measured")
        if value < self.limit:
            return Judgement("error", f"{self.metric} is {value:.6g}, less than {self.limit:.6g}")
        return Judgement("ok", f"{self.metric} is {value:.6g}, at least {self.limit:.6g}")
