"""A process that carries out a deployment on the local target, and can be told at which call to the target it dies.

`python deployer.py HOME PIPELINE STRATEGY [METHOD:NUMBER:before|after]`
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from governed import Clock, Declared, changed, declared, governed

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.adapters.mlflow.registry import open_registry
from mlmon_dagster.adapters.targets.local import Local
from mlmon_dagster.governance.deployments import UNDER_WAY
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.promotions import request_promotion
from mlmon_dagster.lifecycle.queries import deployments
from mlmon_dagster.lifecycle.rollouts import Rollout, placement_of
from mlmon_dagster.settings import read_settings

STEPS: dict[str, tuple[Any, ...]] = {"canary": ("shadow", 10, 100), "blue_green": (100,)}


@dataclass
class Mortal:
    """The local target; the process dies before or after the n-th call of a method."""

    dies: str = ""
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        inner = getattr(Local(), name)

        def call(*arguments: Any) -> Any:
            self.calls[name] += 1
            self._maybe_die(name, "before")
            found = inner(*arguments)
            self._maybe_die(name, "after")
            return found

        return call

    def _maybe_die(self, name: str, when: str) -> None:
        if self.dies == f"{name}:{self.calls[name]}:{when}":
            os.kill(os.getpid(), signal.SIGKILL)


def pipeline_of(name: str, strategy: str, target: Any) -> Declared:
    """Its dev has the strategy, and watches briefly."""
    made = declared(name, target=target)
    told: dict[str, Any] = {"strategy": strategy, "steps": STEPS[strategy], "watch_seconds": 1, "minimum_requests": 1}
    dev = replace(made.pipeline.stages.model_deployment.dev, **told)  # type: ignore[type-var]
    return Declared(changed(made, "model_deployment", dev=dev).pipeline)


def carry_out(
    home: Path, name: str, strategy: str, number: int, target: Any, wait: Callable[[float], None] = time.sleep
) -> Any:
    """Puts the version into dev, or goes on where somebody was cut off; what serves then."""
    settings = read_settings({"MLMON_HOME": str(home), "MLMON_PIPELINES": str(home / "pipelines")})
    database = open_database(settings.database_url)
    try:
        governance, one = governed(database, Clock()), pipeline_of(name, strategy, target)
        governance = replace(governance, now=_now)
        under_way = [each for each in deployments(governance, name) if each.state in UNDER_WAY]
        asked = under_way[-1].promotion if under_way else None
        asked = asked or request_promotion(governance, one, "dev", number, actor=MACHINE).id
        deployment = open_promotion(governance, one, asked)
        version = open_registry(settings).version("houses", deployment.version)
        return Rollout(
            governance, deployment, placement_of(one.pipeline, deployment, version),
            one.pipeline.stages.model_deployment.dev, settings,  # type: ignore[arg-type]
            check=lambda serving: {}, log=lambda text: None, wait=wait,
        ).carry_out()[0]  # fmt: skip
    finally:
        database.close()


def _now() -> Any:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc)


if __name__ == "__main__":
    home, name, strategy, *dies = sys.argv[1:]
    carry_out(Path(home), name, strategy, 2, Mortal(*dies))
