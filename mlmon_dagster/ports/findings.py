"""Where metrics and verdicts are kept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mlmon_dagster.governance.check import Judged


@dataclass(frozen=True)
class Measured:
    """One metric of one window (or, with `window` None, of a moment)."""

    pipeline: str
    environment: str | None
    stage: str
    window: str | None
    name: str
    value: float
    version: int | None
    at: datetime


class Metrics(Protocol):
    """Named numbers that stages found; recording a stage's window replaces what it recorded for it before.

    A value that is no number (NaN) was not measured and is not kept.
    """

    def record(self, measured: Sequence[Measured]) -> None: ...

    def series(
        self, pipeline: str, environment: str | None, name: str, *, since: str | None = None
    ) -> Sequence[Measured]:
        """Oldest window first."""
        ...

    def latest(self, pipeline: str, environment: str | None) -> Mapping[str, Measured]:
        """The newest value of every metric, by name."""
        ...

    def last(self, pipeline: str, environment: str | None, name: str, count: int) -> Sequence[Measured]:
        """The values of a metric that were measured last, oldest first."""
        ...

    def after(self, cursor: int, *, limit: int) -> Sequence[tuple[int, Measured]]:
        """Values recorded after `cursor`, in the order of recording, each with the cursor that follows it."""
        ...

    def heard(self, names: Collection[str]) -> Mapping[tuple[str, str, str], datetime]:
        """(pipeline, environment, name) -> when each of these metrics was measured last; one query for all."""
        ...


class Judgements(Protocol):
    """Verdicts of checks; recording a stage's window (or moment) replaces what it recorded for it before.

    A verdict that was recorded with the same reason before is no news: it keeps its place in the order of recording.
    """

    def record(self, judged: Sequence[Judged]) -> None: ...

    def latest(self, pipeline: str, environment: str | None) -> Mapping[str, Judged]:
        """The verdict of every check on the newest window it was judged on, by name."""
        ...

    def history(
        self, pipeline: str, environment: str | None, check: str | None = None, *, since: str | None = None
    ) -> Sequence[Judged]:
        """Oldest window first."""
        ...

    def failures(self, pipeline: str, environment: str | None) -> Mapping[str, Judged]:
        """The verdict other than `ok` of every check that was recorded last, by name."""
        ...

    def of(
        self, check: str, *, pipelines: Sequence[str], environments: Sequence[str], windows: Sequence[str]
    ) -> Sequence[Judged]:
        """The verdicts of one check in all of these windows of all of these pipelines."""
        ...

    def after(self, cursor: int, *, limit: int) -> Sequence[tuple[int, Judged]]:
        """Verdicts recorded after `cursor`, in the order of recording, each with the cursor that follows it."""
        ...

    def newest(self, stage: str) -> Mapping[tuple[str, str], "Newest"]:
        """(pipeline, environment) -> what the stage judged last: one query for all pipelines."""
        ...


@dataclass(frozen=True)
class Newest:
    """The newest window that a stage judged, and the moment of its last judgement."""

    window: str
    at: datetime
