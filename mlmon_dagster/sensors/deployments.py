"""Deployments are looked after: one whose run was cut off is taken up again, one that has stopped is started again."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.errors import MlmonError
from mlmon_dagster.governance.deployments import Deployment, Step
from mlmon_dagster.lifecycle.queries import live_deployments, under_way
from mlmon_dagster.pipeline.deployment import EnvironmentDeployment
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.settings import Settings

SLACK = timedelta(minutes=3)
"""How long a step may take beyond its watch before its run is said to be cut off; a server starts in less."""


def deployment_sensor(pipelines: Mapping[str, Declared], settings: Settings, suffix: str = "") -> dg.SensorDefinition:
    """Reads what is under way and what is live; the deployment stage itself goes on, or starts again."""

    @dg.sensor(
        name=f"deployments{suffix}",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description="Takes up deployments whose run was cut off, and starts again what is live and has stopped.",
    )
    def look_after(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        governance, now = context.resources.database.governance(), datetime.now(timezone.utc)
        found = {
            f"resume:{one.id}:{one.seq}": one
            for one, step in under_way(governance)
            if (declared := _declared(one, pipelines, settings)) and cut_off(one, step, declared, now)
        }
        for one in live_deployments(governance):
            declared = _declared(one, pipelines, settings)
            if declared and _stopped(one, declared, settings):
                found[f"start:{one.id}:{now:%Y%m%d%H%M}"] = one
        for run_key, one in found.items():
            key = StageKey(one.pipeline, one.environment, "model_deployment")
            yield dg.RunRequest(run_key=run_key, asset_selection=[dg.AssetKey(key.parts)])
        if not found:
            yield dg.SkipReason("every deployment is well")

    return look_after


def cut_off(one: Deployment, step: Step, declared: EnvironmentDeployment, now: datetime) -> bool:
    """Whether a promoted deployment has stayed at a step for much longer than it is watched there."""
    return one.promotion is not None and now - step.at > timedelta(seconds=declared.watched_seconds) + SLACK


def _declared(one: Deployment, pipelines: Mapping[str, Declared], settings: Settings) -> EnvironmentDeployment | None:
    if one.pipeline not in pipelines or one.environment not in settings.environments:
        return None
    return pipelines[one.pipeline].pipeline.stages.model_deployment.environments.get(one.environment)


def _stopped(one: Deployment, declared: EnvironmentDeployment, settings: Settings) -> bool:
    try:
        serving = declared.target.live(one.pipeline, one.environment, settings)
    except MlmonError:
        return False
    return serving is not None and serving.status == "stopped"
