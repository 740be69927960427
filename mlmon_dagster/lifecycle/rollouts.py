"""Carries a started deployment through its steps on a target: a saga that anybody can take up again after a kill.

Each step is recorded before the target is asked for it, and every call to a target may be repeated. Who takes a
deployment up again reads how far it had come, asks the target for that step again, and goes on from there.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mlmon_dagster.errors import BlockedError, FailedError, MlmonError
from mlmon_dagster.governance.deployments import UNDER_WAY, Deployment, Step
from mlmon_dagster.lifecycle.deployments import (
    advance_deployment,
    fail_deployment,
    find_deployment,
    finish_deployment,
    reached,
)
from mlmon_dagster.lifecycle.gate import live
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.pipeline.deployment import EnvironmentDeployment
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import Guard, ModelVersion, Placement, Serving, Shift, Target, Traffic

LOOK_SECONDS = 0.5
UNWELL_SECONDS = 15.0
"""How long a new version may be unhealthy while it is watched: long enough to be started again once."""


def placement_of(pipeline: Pipeline, deployment: Deployment, version: ModelVersion) -> Placement:
    """What a target is asked for, so that the deployment runs as the pipeline declares."""
    declared = pipeline.stages.model_deployment.environments[deployment.environment]
    serving = declared.serving(pipeline.stages.model_inferencing.realtime)
    return Placement(deployment.id, pipeline.name, deployment.environment, version, deployment.strategy, serving)


@dataclass(frozen=True)
class Rollout:
    """One deployment on its way to all of an environment's traffic."""

    governance: Governance
    deployment: Deployment
    placement: Placement
    declared: EnvironmentDeployment
    settings: Any
    check: Callable[[Serving], Mapping[str, Any]]
    """Asks the started version before it gets traffic, and where callers asked too little; `FailedError`, or facts."""
    log: Callable[[str], None]
    wait: Callable[[float], None] = time.sleep

    @property
    def target(self) -> Target:
        """Where it runs."""
        target: Target = self.declared.target
        return target

    def carry_out(self) -> tuple[Serving, dict[str, Any]]:
        """Brings the deployment to `live`, or back; what serves now, and what was found on the way.

        Raises `FailedError` when the version did not do: what was live is live. Raises `BlockedError` when somebody
        else has ended the deployment meanwhile.
        """
        place = self.placement
        try:
            facts = self._shift_all()
            serving = self.target.switch(place, self.settings)
        except BlockedError:
            raise
        except MlmonError as error:
            self.target.stop(place.pipeline, place.environment, place.deployment, self.settings)
            ended = fail_deployment(self.governance, place.deployment, error.message)
            before = self._live()
            kept = f"version {before.version} stays live" if before else "nothing was live before"
            how = "was rolled back" if ended.state == "rolled_back" else "failed"
            raise FailedError(f"{place.deployment} {how}: {error.message}", hint=f"rolled back: {kept}") from error
        finish_deployment(self.governance, place.deployment, serving.address)
        return serving, facts

    def _shift_all(self) -> dict[str, Any]:
        started = self.target.start(self.placement, self.settings)
        at, facts = self._reached(), {}
        if at.state == "started":
            facts = dict(self.check(started))
            at = self._advance("green_up")
        for state, share in self._steps():
            if at.place > (UNDER_WAY.index(state), share):
                continue
            at = self._advance(state, share)
            self.log(f"version {self.placement.version.number}: {at}")
            self.target.shift(self.placement, self._shift(state, share), self.settings)
            facts |= self._watch(at, started)
        return facts

    def _steps(self) -> Iterator[tuple[str, int]]:
        """State and share of every step; everything at once where nothing is live to share with."""
        if self._live() is None:
            yield "shifting", 100
            return
        for step in self.declared.shares:
            yield ("shadowing", 0) if step == "shadow" else ("shifting", int(step))

    def _shift(self, state: str, share: int) -> Shift:
        guard = Guard(self.declared.rollback_error_rate, self.declared.minimum_requests)
        return Shift(share, state == "shadowing", guard, self.declared.sticky)

    def _watch(self, at: Step, started: Serving) -> dict[str, Any]:
        """Looks at the version until its time at this step is over, counted from when the step was recorded."""
        end = at.at + timedelta(seconds=self.declared.watched_seconds)
        unwell: datetime | None = None
        while True:
            now = self.governance.now()
            seen = self._seen()
            unwell = None if seen.status == "healthy" else unwell or now
            if unwell and (now - unwell).total_seconds() >= UNWELL_SECONDS:
                raise FailedError(f"version {seen.version} is {seen.status}")
            if now >= end and unwell is None:
                return self._judged(at, seen, started)
            self.wait(min(LOOK_SECONDS, max(0.05, (end - now).total_seconds())))

    def _seen(self) -> Traffic:
        """The version as its traffic sees it; an error when it may not go on."""
        place = self.placement
        with self.governance.ledger.read() as reading:
            now = find_deployment(reading, place.deployment)
        if now.state not in UNDER_WAY:
            raise BlockedError(f"{now.id} is {now.state}: {now.reason or 'somebody else has ended it'}")
        for one in self.target.traffic(place.pipeline, place.environment, self.settings):
            if one.deployment == place.deployment:
                if one.tripped:
                    raise FailedError(one.tripped)
                return one
        raise FailedError(f"{place.deployment} is no longer on the target")

    def _judged(self, at: Step, seen: Traffic, started: Serving) -> dict[str, Any]:
        """What the callers of this step found; where they were too few, recorded rows are sent as well."""
        if seen.requests and seen.failed >= self.declared.rollback_error_rate * seen.requests:
            raise FailedError(f"{seen.failed} of {seen.requests} requests failed at {at}")
        name = str(at).replace(" %", "").replace(" ", "_")
        found: dict[str, Any] = {f"{name}.requests": seen.requests, f"{name}.failed": seen.failed}
        if seen.latency_ms is not None:
            found[f"{name}.latency_ms"] = round(seen.latency_ms, 3)
        if seen.compared:
            found |= {f"{name}.compared": seen.compared, f"{name}.mean_difference": seen.mean_difference}
        if self.declared.watched_seconds and seen.requests < self.declared.minimum_requests:
            found |= self.check(started)
        return found

    def _advance(self, state: str, share: int = 0) -> Step:
        return advance_deployment(self.governance, self.placement.deployment, state, share)

    def _reached(self) -> Step:
        with self.governance.ledger.read() as reading:
            return reached(reading, find_deployment(reading, self.placement.deployment))

    def _live(self) -> Deployment | None:
        with self.governance.ledger.read() as reading:
            return live(reading, self.placement.pipeline, self.placement.environment)
