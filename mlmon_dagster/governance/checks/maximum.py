"""The check `maximum`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mlmon_dagster.governance.check import Judgement


@dataclass(frozen=True)
class Maximum:
    """Passes while the metric is at most the limit.

    >>> Maximum(metric="latency_ms.p99", limit=100).judge({"latency_ms.p99": 250})
    Judgement(verdict='error', reason='latency_ms.p99 is 250, more than 100')
    """

    metric: str
    limit: float

    def judge(self, metrics: Mapping[str, float]) -> Judgement:
        """`error` above the limit, `no_data` without the metric."""
        value = metrics.get(self.metric, math.nan)
        if math.isnan(value):
            return Judgement("no_data", f"{self.metric} was not measured")
        if value > self.limit:
            return Judgement("error", f"{self.metric} is {value:.6g}, more than {self.limit:.6g}")
        return Judgement("ok", f"{self.metric} is {value:.6g}, at most {self.limit:.6g}")
