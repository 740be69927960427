"""How often somebody may ask: a bucket of tokens for each caller, refilled evenly."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from mlmon_dagster.web.problems import ProblemError

LARGEST = 10_000
"""Callers that are remembered; the one that was quiet longest is forgotten first."""


@dataclass(frozen=True)
class Rate:
    """So many requests at once, and so many in a second from then on."""

    burst: float
    per_second: float


@dataclass
class Buckets:
    """Raises `ProblemError` 429 when a caller asks more often than the rate."""

    rate: Rate
    clock: Callable[[], float] = time.monotonic
    _levels: "OrderedDict[str, tuple[float, float]]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def take(self, caller: str) -> None:
        """One request of the caller."""
        with self._lock:
            now = self.clock()
            level, since = self._levels.pop(caller, (self.rate.burst, now))
            level = min(self.rate.burst, level + (now - since) * self.rate.per_second)
            self._levels[caller] = (max(level - 1, 0) if level >= 1 else level, now)
            if len(self._levels) > LARGEST:
                self._levels.popitem(last=False)
        if level < 1:
            seconds = max(1, round((1 - level) / self.rate.per_second))
            raise ProblemError(
                429, "RATE", f"too many requests; try again in {seconds} s", headers={"Retry-After": str(seconds)}
            )
