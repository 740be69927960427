"""The command that puts the version before back."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mlmon_dagster.errors import BlockedError, InputError, MissingError, MlmonError
from mlmon_dagster.governance.audit import readable
from mlmon_dagster.governance.deployments import UNDER_WAY, Deployment, rollback_to
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.deployments import (
    fail_deployment,
    find_deployment,
    refuse_under_way,
    target_name,
    withdraw,
)
from mlmon_dagster.lifecycle.gate import live
from mlmon_dagster.lifecycle.governance import Act, Governance, acting
from mlmon_dagster.lifecycle.models import placed
from mlmon_dagster.lifecycle.rollouts import placement_of
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import ModelRegistry, ModelVersion, Placement, Target


def roll_back(
    governance: Governance,
    pipeline: Pipeline,
    environment: str,
    *,
    settings: Any,
    reason: str,
    version: int | None = None,
    actor: str = MACHINE,
    registry: Callable[[], ModelRegistry] | None = None,
) -> Deployment:
    """Puts the version that was live before (or `version`, if it was) back on the target; returns its new deployment.

    A rollback asks for no approval; one that was interrupted is taken up again. The version that is live stays so
    until the other one serves; asking for the version that is live returns its deployment and changes nothing.
    While a promoted version is on its way, that one is withdrawn, and the version that is live stays.
    The registry's alias of the environment follows; a registry out of reach stops no rollback, and the reconciliation
    tells where its alias was left.
    Raises `DeniedError`, `BlockedError` when there is nothing to go back to or another deployment is under way, and
    the target's own error when the version could not be started.
    """
    reason = readable(reason, "reason")
    if not reason:
        raise InputError("a rollback needs a reason")
    if environment not in pipeline.environments:
        raise MissingError(unknown(f"environment of {pipeline.name}", environment, pipeline.environments))
    with acting(governance, actor, f"rollback:{environment}", pipeline.project) as act:
        running = live(act.books, pipeline.name, environment)
        coming = _coming(act, pipeline, environment)
        if coming is not None:
            withdraw(act, coming, reason)
            back = act.books.one(Deployment, coming.id) or coming
        elif running is None:
            raise BlockedError(f"nothing of {pipeline.name} is live in {environment}: there is nothing to roll back")
        elif version == running.version:
            return running
        else:
            back = _start(act, pipeline, environment, running, version, reason)
        model = act.books.find(Model, pipeline=pipeline.name, number=back.version)[0]
    if coming is not None:
        _target(pipeline, environment).stop(pipeline.name, environment, coming.id, settings)
        if running is None or version in (None, running.version):
            return running or back
        told: dict[str, Any] = {
            "settings": settings,
            "reason": reason,
            "version": version,
            "actor": actor,
            "registry": registry,
        }
        return roll_back(governance, pipeline, environment, **told)
    placement = placement_of(pipeline, back, placed(model))
    address = _switch(governance, pipeline, placement, settings, actor)
    live_again = _finish(governance, pipeline, environment, back, address, reason, actor)
    _point(registry, placement.version, environment)
    return live_again


def _start(
    act: Act, pipeline: Pipeline, environment: str, running: Deployment, version: int | None, reason: str
) -> Deployment:
    history = act.books.find(Deployment, pipeline=pipeline.name, environment=environment)
    for one in history:
        if one.state in UNDER_WAY and one.promotion is None and version in (None, one.version):
            return one
    refuse_under_way(act.books, pipeline.name, environment)
    goal = rollback_to(running, history, version)
    if goal is None:
        wanted = "no version" if version is None else f"version {version}, which"
        raise BlockedError(
            f"there is nothing to roll back to: {wanted} was live in {environment} before version {running.version}"
        )
    id = f"deployment-{act.books.next_seq}"
    data = {
        "promotion": None,
        "version": goal.version,
        "digest": goal.digest,
        "target": target_name(pipeline, environment),
        "strategy": "direct",
        "previous": running.id,
        "reason": reason,
    }
    act.append(
        "deployment.started", id, data, project=pipeline.project, pipeline=pipeline.name, environment=environment
    )
    return find_deployment(act.books, id)


def _coming(act: Act, pipeline: Pipeline, environment: str) -> Deployment | None:
    """The promoted version that is on its way into the environment."""
    under_way = act.books.find(Deployment, pipeline=pipeline.name, environment=environment, state=UNDER_WAY)
    return next((one for one in under_way if one.promotion), None)


def _target(pipeline: Pipeline, environment: str) -> Target:
    target: Target = pipeline.stages.model_deployment.environments[environment].target
    return target


def _switch(governance: Governance, pipeline: Pipeline, placement: Placement, settings: Any, actor: str) -> str:
    target = _target(pipeline, placement.environment)
    try:
        target.start(placement, settings)
        return target.switch(placement, settings).address
    except MlmonError as error:
        fail_deployment(governance, placement.deployment, error.message, actor=actor)
        raise


def _point(registry: Callable[[], ModelRegistry] | None, version: ModelVersion, environment: str) -> None:
    with suppress(MlmonError):
        if registry is not None:
            registry().point(version, environment)


def _finish(
    governance: Governance,
    pipeline: Pipeline,
    environment: str,
    back: Deployment,
    address: str,
    reason: str,
    actor: str,
) -> Deployment:
    scope = {"project": pipeline.project, "pipeline": pipeline.name, "environment": environment}
    with acting(governance, actor, f"rollback:{environment}", pipeline.project) as act:
        running = live(act.books, pipeline.name, environment)
        if running is not None:
            data: dict[str, Any] = {"reason": reason, "to": back.version}
            act.append("deployment.rolled_back", running.id, data, **scope)
        data = {"address": address, "promotion": None, "supersedes": None}
        act.append("deployment.succeeded", back.id, data, **scope)
        return find_deployment(act.books, back.id)
