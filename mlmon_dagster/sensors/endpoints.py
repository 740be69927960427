"""Synthetic tests of live servers: asked again and again, so that silence, slowness and blindness are noticed."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.pipeline.stages import REALTIME, StageKey
from mlmon_dagster.sensors.scope import ANY_ASSETS
from mlmon_dagster.sensors.windows import PIPELINES_PER_RUN, live_environments
from mlmon_dagster.settings import Settings


def endpoint_schedules(
    pipelines: Mapping[str, Declared], settings: Settings, suffix: str = ""
) -> list[dg.ScheduleDefinition]:
    """One schedule for each distinct cron of the pipelines."""
    crons = sorted({_cron(one) for one in pipelines.values()})
    return [_schedule(cron, place, pipelines, settings, suffix) for place, cron in enumerate(crons)]


def _schedule(
    cron: str, place: int, pipelines: Mapping[str, Declared], settings: Settings, suffix: str
) -> dg.ScheduleDefinition:
    members = {name: one for name, one in pipelines.items() if _cron(one) == cron}

    @dg.schedule(
        name=f"endpoints_{place}{suffix}",
        cron_schedule=cron,
        job_name=ANY_ASSETS,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        required_resource_keys={"database"},
        description=f"Asks live servers recorded rows and declared scenarios ({cron}, {len(members)} pipelines).",
    )
    def endpoints(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        live = live_environments(context.resources.database.governance())
        found = {name: live[name] for name in members if name in live}
        requests = list(endpoint_runs(found, settings, context.scheduled_execution_time))
        yield from requests
        if not requests:
            yield dg.SkipReason("nothing is live")

    return endpoints


def endpoint_runs(live: Mapping[str, tuple[str, ...]], settings: Settings, now: datetime) -> Iterator[dg.RunRequest]:
    """Runs that ask the servers of these pipelines' environments; several pipelines share one."""
    keys = [
        StageKey(name, environment, REALTIME)
        for name, environments in sorted(live.items())
        for environment in environments
        if environment in settings.environments
    ]
    for start in range(0, len(keys), PIPELINES_PER_RUN):
        batch = keys[start : start + PIPELINES_PER_RUN]
        yield dg.RunRequest(
            run_key=f"endpoints:{batch[0]}:{now:%Y%m%dT%H%M}", asset_selection=[dg.AssetKey(key.parts) for key in batch]
        )


def _cron(one: Declared) -> str:
    return one.pipeline.stages.model_inferencing.realtime.probe
