"""What a check is, and the verdict it gives on the metrics of a window."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Verdict = Literal["ok", "drift", "no_data", "insufficient", "error"]
"""Green is `ok` and nothing else."""


@dataclass(frozen=True)
class Judgement:
    """A verdict and the sentence that explains it."""

    verdict: Verdict
    reason: str


class Check(Protocol):
    """Family `check`: judges metrics. A metric that is not there is never green."""

    def judge(self, metrics: Mapping[str, float]) -> Judgement: ...


@dataclass(frozen=True)
class Judged:
    """One check's verdict on one window (or, with `window` None, on a moment) of a stage."""

    pipeline: str
    environment: str | None
    stage: str
    window: str | None
    check: str
    verdict: str
    reason: str
    metrics: Mapping[str, float]
    version: int | None
    """The model version that was live when the window was judged."""
    at: datetime
