"""The command that records what a stage found: its metrics and its judged checks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from mlmon_dagster.governance.check import Judged
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.queries import live_deployment
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.ports import Measured


class FoundCheck(Protocol):
    """A judged check of a stage's result."""

    @property
    def name(self) -> str: ...

    @property
    def verdict(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def metrics(self) -> Mapping[str, float]: ...


class Found(Protocol):
    """A stage's result."""

    @property
    def metrics(self) -> Mapping[str, float]: ...

    @property
    def checks(self) -> Sequence[FoundCheck]: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...


def record_result(governance: Governance, key: StageKey, window: str | None, result: Found, now: datetime) -> None:
    """Records metrics and verdicts of the stage's window, in place of what it recorded for it before.

    The model version is the one that the result names (fact `version`), else the one live in the environment.
    """
    version = _version(governance, key, result)
    governance.metrics.record(
        [
            Measured(key.pipeline, key.environment, key.stage, window, name, value, version, now)
            for name, value in result.metrics.items()
        ]
    )
    governance.judgements.record(
        [
            Judged(
                key.pipeline,
                key.environment,
                key.stage,
                window,
                check.name,
                check.verdict,
                check.reason,
                check.metrics,
                version,
                now,
            )
            for check in result.checks
        ]
    )


def _version(governance: Governance, key: StageKey, result: Found) -> int | None:
    named = result.facts.get("version")
    if named is not None:
        return int(named)
    running = live_deployment(governance, key.pipeline, key.environment) if key.environment else None
    return running.version if running else None
