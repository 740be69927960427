"""What every stage is given and what it gives back; a stage itself knows nothing of Dagster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.pipeline.windows import Window
from mlmon_dagster.settings import Settings

Verdict = Literal["ok", "drift", "no_data", "insufficient", "error"]


@dataclass(frozen=True)
class StageRun:
    """One run of one stage: what is declared, where it runs, and the ports it may use."""

    pipeline: Pipeline
    key: StageKey
    window: Window | None
    """The window to work on; `None` for stages without windows."""
    directory: Path
    """Folder of the pipeline file: relative paths and the user's own modules are found from here."""
    settings: Settings
    outputs: Outputs
    now: datetime
    log: Callable[[str], None]

    def upstream(self, stage: str) -> StageKey:
        """The key of a stage that all environments share."""
        return StageKey(self.pipeline.name, None, stage)

    def beside(self, stage: str) -> StageKey:
        """The key of a stage of the same environment."""
        return StageKey(self.pipeline.name, self.key.environment, stage)


@dataclass(frozen=True)
class CheckResult:
    """One judged check: green only for the verdict `ok`."""

    name: str
    verdict: Verdict
    reason: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    blocking: bool = False
    """Whether a verdict other than `ok` stops what comes after in the same run."""
    table: tuple[Mapping[str, Any], ...] = ()
    """Rows that explain the verdict (one for each column), for pages."""


@dataclass(frozen=True)
class StageResult:
    """What a stage made: the digest of its output, metrics, judged checks and facts for people."""

    digest: str
    metrics: Mapping[str, float]
    checks: tuple[CheckResult, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
