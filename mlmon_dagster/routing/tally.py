"""What the router counts of one version while it has its present share of the traffic."""

import math
from bisect import bisect_left
from itertools import accumulate

from mlmon_dagster.drift.sequential import Moments

BUCKETS_MS = tuple(round(0.1 * 1.25**power, 4) for power in range(60))
"""Upper bounds of the latency histogram, from 0.1 ms to almost a minute."""


class Tally:
    """Counts since `since` (seconds of the router's clock)."""

    __slots__ = (
        "compared",
        "counts",
        "difference",
        "differing",
        "failed",
        "logs",
        "numeric",
        "refused",
        "requests",
        "since",
        "squares",
    )

    def __init__(self, since: float) -> None:
        self.since = since
        self.requests = self.failed = self.refused = self.compared = self.differing = self.numeric = 0
        self.counts = [0] * (len(BUCKETS_MS) + 1)
        self.logs = self.squares = self.difference = 0.0

    def answered(self, status: int, seconds: float) -> None:
        """One answer of the version."""
        self.requests += 1
        if status >= 400:
            if status < 500:
                self.refused += 1
            else:
                self.failed += 1
                return
        milliseconds = seconds * 1000 if seconds > 1e-6 else 1e-3
        self.counts[bisect_left(BUCKETS_MS, milliseconds)] += 1
        log = math.log(milliseconds)
        self.logs += log
        self.squares += log * log

    def unanswered(self) -> None:
        """One request that the version was given and did not answer."""
        self.requests += 1
        self.failed += 1

    def differed(self, difference: float | None) -> None:
        """A shadow's answer beside the live one: how far their numbers lie apart, `None` where one has none."""
        self.compared += 1
        if difference is None:
            self.differing += 1
            return
        self.numeric += 1
        self.differing += difference > 0
        self.difference += difference

    @property
    def mean_difference(self) -> float | None:
        """Mean absolute difference of the answers that were numbers."""
        return self.difference / self.numeric if self.numeric else None

    @property
    def log_latency(self) -> Moments:
        """Moments of the logarithm of the latency in milliseconds."""
        count = self.requests - self.failed
        if not count:
            return Moments(0, 0.0, 0.0)
        mean = self.logs / count
        return Moments(count, mean, max(0.0, self.squares / count - mean * mean))

    def quantile_ms(self, share: float) -> float | None:
        """The bound below which that share of the answers came."""
        total = sum(self.counts)
        if not total:
            return None
        place = next(place for place, below in enumerate(accumulate(self.counts)) if below >= share * total)
        return BUCKETS_MS[min(place, len(BUCKETS_MS) - 1)]
