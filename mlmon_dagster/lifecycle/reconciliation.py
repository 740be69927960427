"""Compares what is live with the audit log: whether somebody deployed, or moved an alias, around us."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mlmon_dagster.errors import MlmonError
from mlmon_dagster.governance.deployments import UNDER_WAY, Deployment
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import ModelRegistry

CHECK = "reconciliation"
"""The check that an alert about a deviation is raised for."""

FOLLOWING = timedelta(minutes=2)
"""How long an alias may still point to the version before: it is moved after the log says what is live."""


@dataclass(frozen=True)
class Deviation:
    """Something that is not as the log says."""

    pipeline: str
    environment: str
    reason: str


def deviations(
    governance: Governance, pipeline: Pipeline, environments: tuple[str, ...], registry: ModelRegistry, settings: Any
) -> list[Deviation]:
    """Where target and registry do not agree with the log, for one pipeline.

    While a deployment is under way nothing is judged: both sides may be right. A target or registry that cannot be
    asked is a deviation of its own: what cannot be seen is not green.
    """
    with governance.ledger.read() as reading:
        found = reading.find(Deployment, pipeline=pipeline.name)
    under_way = {one.environment for one in found if one.state in UNDER_WAY}
    live = {one.environment: one for one in found if one.state == "live"}
    recent = governance.now() - FOLLOWING
    before = {one.environment: _before(one, found) for one in live.values() if one.live_since > recent}
    carried = [name for name in pipeline.environments if name in environments and name not in under_way]
    model = pipeline.stages.model_registry.model
    pointed, unknown = _asked(lambda: registry.aliases(model))
    told = []
    for environment in carried:
        expected = live.get(environment)
        reasons = [_on_target(pipeline, environment, expected, settings)]
        if unknown is None:
            reasons.append(_alias(environment, expected, before.get(environment), pointed or {}, model))
        elif expected is not None:
            reasons.append(f"the registry cannot be asked: {unknown}")
        told += [Deviation(pipeline.name, environment, reason) for reason in reasons if reason]
    return told


def _on_target(pipeline: Pipeline, environment: str, expected: Deployment | None, settings: Any) -> str | None:
    target = pipeline.stages.model_deployment.environments[environment].target
    serving, unknown = _asked(lambda: target.live(pipeline.name, environment, settings))
    if unknown is not None:
        return f"the target cannot be asked: {unknown}" if expected else None
    if serving is None:
        return f"version {expected.version} should be live ({expected.id}), and nothing serves" if expected else None
    if expected is None:
        return f"version {serving.version} serves ({serving.deployment}), and the log knows of no deployment"
    if (serving.version, serving.digest) != (expected.version, expected.digest):
        return (
            f"version {serving.version} ({serving.digest[:12]}) serves, and the log says version {expected.version} "
            f"({expected.digest[:12]}, {expected.id})"
        )
    return None


def _alias(
    environment: str, expected: Deployment | None, before: int | None, pointed: Mapping[str, int], model: str
) -> str | None:
    number = pointed.get(environment)
    if number is None or (expected is not None and number in (expected.version, before)):
        return None
    said = f"the alias {environment} of {model} points to version {number}"
    return f"{said}, live is version {expected.version}" if expected else f"{said}, and none is live"


def _before(live: Deployment, known: Sequence[Deployment]) -> int | None:
    """The version that was live before this one."""
    return next((one.version for one in known if one.id == live.previous), None)


def _asked(question: Callable[[], Any]) -> tuple[Any, str | None]:
    try:
        return question(), None
    except MlmonError as error:
        return None, error.message
