"""Stage 5: re-reads the gate, and only if it is open puts the promoted version on the target, or rolls back."""

from typing import Any

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.assets.canary import probe
from mlmon_dagster.assets.detection import try_detection
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import CheckResult, StageResult, StageRun
from mlmon_dagster.errors import BlockedError, DataError
from mlmon_dagster.governance.deployments import UNDER_WAY, Deployment
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.promotions import request_promotion
from mlmon_dagster.lifecycle.queries import (
    deployments,
    live_deployment,
    models,
    opened_because,
    pending_promotions,
    promotion,
)
from mlmon_dagster.lifecycle.rollouts import Rollout, placement_of
from mlmon_dagster.ports import ModelVersion, Serving, Target

CHECKS = {"serving": "The promoted version is live, healthy, and answers with its own digest."}


def run(stage: StageRun, declared: Declared, ports: Ports) -> StageResult:
    """Carries out the promotion that waits for this environment; without one it looks after what is live.

    Whoever starts this, the gate is read here: `BlockedError` lists what is missing, and nothing has changed.
    """
    environment = _environment(stage)
    waiting = _interrupted(stage, ports) or _waiting(stage, declared, ports)
    if waiting is None:
        return _look_after(stage, ports, environment)
    version = ports.registry.version(stage.pipeline.stages.model_registry.model, waiting.version)
    deployment = open_promotion(ports.governance, declared, waiting.id, digest=version.digest)
    stage.log(f"the gate is open: {deployment.id} puts version {version.number} into {environment}")
    return _deploy(stage, ports, deployment, version)


def _deploy(stage: StageRun, ports: Ports, deployment: Deployment, version: ModelVersion) -> StageResult:
    """Through the declared steps; whatever fails leaves the version before where it was."""
    environment = _environment(stage)
    declared = stage.pipeline.stages.model_deployment.environments[environment]
    rollout = Rollout(
        ports.governance,
        deployment,
        placement_of(stage.pipeline, deployment, version),
        declared,
        stage.settings,
        check=lambda started: {
            **try_detection(stage, declared.scenarios, ports.registry, version, started),
            **probe(stage, started, deployment.strategy),
        },
        log=stage.log,
    )
    serving, facts = rollout.carry_out()
    ports.registry.point(version, environment)
    gate = opened_because(ports.governance, deployment.promotion or "")
    return _result(serving, {**facts, "deployment": deployment.id, "promotion": deployment.promotion, "gate": gate})


def _look_after(stage: StageRun, ports: Ports, environment: str) -> StageResult:
    """Nothing waits: what was approved and deployed is verified, and started again if its server is gone."""
    live = live_deployment(ports.governance, stage.pipeline.name, environment)
    if live is None:
        raise BlockedError(
            f"no promotion waits for {environment}, and nothing is live there",
            hint=f"ask for one: mlmon promote {stage.pipeline.name} --to {environment}",
        )
    target, version = _target(stage), _version(stage, ports, live)
    serving = target.live(stage.pipeline.name, environment, stage.settings)
    if serving is None or serving.status != "healthy" or serving.deployment != live.id:
        stage.log(f"{live.id} should be live but is not: starting it again")
        placement = placement_of(stage.pipeline, live, version)
        target.start(placement, stage.settings)
        serving = target.switch(placement, stage.settings)
    if ports.registry.aliases(version.name).get(environment) != version.number:
        ports.registry.point(version, environment)
    return _result(serving, {"deployment": live.id, "note": "nothing waits; the live version was verified"})


def _waiting(stage: StageRun, declared: Declared, ports: Ports) -> Promotion | None:
    """The newest promotion that waits; in dev, where no approval is asked for, the newest version asks by itself."""
    environment = _environment(stage)
    waiting = [
        one for one in pending_promotions(ports.governance, stage.pipeline.name) if one.environment == environment
    ]
    if waiting or environment != "dev":
        return waiting[-1] if waiting else None
    newest = max((model.number for model in models(ports.governance, stage.pipeline.name)), default=None)
    live = live_deployment(ports.governance, stage.pipeline.name, environment)
    if newest is None:
        raise BlockedError(
            "no model version is registered", hint=f"materialise {stage.upstream('model_registry')} first"
        )
    if live is not None and live.version >= newest:
        return None
    return request_promotion(ports.governance, declared, "dev", newest, actor=MACHINE, reason="newest version")


def _interrupted(stage: StageRun, ports: Ports) -> Promotion | None:
    """The promotion of a deployment that was started and never ended: its run was cut off, and is taken up again."""
    environment = _environment(stage)
    for one in deployments(ports.governance, stage.pipeline.name):
        if one.environment == environment and one.state in UNDER_WAY and one.promotion:
            return promotion(ports.governance, one.promotion)
    return None


def _version(stage: StageRun, ports: Ports, live: Deployment) -> ModelVersion:
    version = ports.registry.version(stage.pipeline.stages.model_registry.model, live.version)
    if version.digest != live.digest:
        raise DataError(
            f"version {version.number} of {version.name} is not what was approved: its digest is "
            f"{version.digest[:12]}, approved was {live.digest[:12]}",
            hint="somebody changed the registry behind the audit log; find out who before going on",
        )
    return version


def _result(serving: Serving, facts: dict[str, Any]) -> StageResult:
    healthy = serving.status == "healthy"
    reason = f"version {serving.version} answers at {serving.address}" if healthy else serving.detail or serving.status
    check = CheckResult("serving", "ok" if healthy else "error", reason, blocking=True)
    return StageResult(
        digest=serving.digest,
        metrics={"version": float(serving.version)},
        checks=(check,),
        facts={"address": serving.address, "version": serving.version, **facts},
    )


def _environment(stage: StageRun) -> str:
    assert stage.key.environment is not None  # noqa: S101 - the asset is per environment
    return stage.key.environment


def _target(stage: StageRun) -> Target:
    target: Target = stage.pipeline.stages.model_deployment.environments[_environment(stage)].target
    return target
