"""The scheduled drift job: finds closed windows that were not judged yet and asks for their runs."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.queries import live_deployments
from mlmon_dagster.pipeline.stages import BATCH, SHARED_STAGES, StageKey
from mlmon_dagster.pipeline.windows import Window, day
from mlmon_dagster.ports import Newest
from mlmon_dagster.sensors.scope import ANY_ASSETS
from mlmon_dagster.settings import Settings

WINDOWS_PER_TICK = 8
"""Windows of one pipeline asked for at one tick; a pipeline that fell behind catches up over several ticks."""

PIPELINES_PER_RUN = 25
"""Pipelines whose window is worked on in one run: a run costs seconds, a stage a fraction of one."""

Due = dict[tuple[object, str], list[tuple[str, tuple[str, ...]]]]


def window_schedules(
    pipelines: Mapping[str, Declared], settings: Settings, suffix: str = ""
) -> list[dg.ScheduleDefinition]:
    """One schedule for each distinct cron of the pipelines."""
    crons = sorted({one.pipeline.stages.model_monitoring.schedule for one in pipelines.values()})
    return [_schedule(cron, place, pipelines, settings, suffix) for place, cron in enumerate(crons)]


def _schedule(
    cron: str, place: int, pipelines: Mapping[str, Declared], settings: Settings, suffix: str
) -> dg.ScheduleDefinition:
    members = {name: one for name, one in pipelines.items() if one.pipeline.stages.model_monitoring.schedule == cron}

    @dg.schedule(
        name=f"windows_{place}{suffix}",
        cron_schedule=cron,
        job_name=ANY_ASSETS,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        required_resource_keys={"database"},
        description=f"Works on closed windows that were not judged yet ({cron}, {len(members)} pipelines).",
    )
    def windows(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        governance = context.resources.database.governance()
        now = context.scheduled_execution_time
        requests = list(
            due_runs(members, governance.judgements.newest("model_monitoring"), live_environments(governance), now)
        )
        yield from requests
        if not requests:
            yield dg.SkipReason("every closed window of every live pipeline is judged")

    return windows


def live_environments(governance: Governance) -> dict[str, tuple[str, ...]]:
    """Pipeline -> environments in which a version is live: one query for all."""
    found: dict[str, tuple[str, ...]] = {}
    for deployment in live_deployments(governance):
        found[deployment.pipeline] = (*found.get(deployment.pipeline, ()), deployment.environment)
    return found


def due_runs(
    pipelines: Mapping[str, Declared],
    judged: Mapping[tuple[str, str], Newest],
    live: Mapping[str, tuple[str, ...]],
    now: datetime,
) -> Iterator[dg.RunRequest]:
    """Runs for the windows that are closed, lie after the reference, and were not judged in every live environment.

    Pipelines with the same windows share a run.
    """
    due: Due = {}
    for name, one in pipelines.items():
        environments = live.get(name, ())
        newest = [judged.get((name, environment)) for environment in environments]
        for window in due_windows(one, [one_of.window if one_of else None for one_of in newest], now):
            due.setdefault((one.pipeline.windows, window.key), []).append((name, environments))
    for (_, key), members in due.items():
        for start in range(0, len(members), PIPELINES_PER_RUN):
            batch = members[start : start + PIPELINES_PER_RUN]
            yield dg.RunRequest(
                run_key=f"windows:{key}:{batch[0][0]}:{now:%Y%m%dT%H%M}",
                partition_key=key,
                asset_selection=[asset for name, environments in batch for asset in _assets(name, environments)],
                tags={"mlmon/window": key.replace(":", ".")},
            )


def due_windows(one: Declared, judged: list[str | None], now: datetime) -> list[Window]:
    """The oldest closed windows after the reference that some live environment has not judged."""
    if not judged:
        return []
    windows = one.pipeline.windows
    start = day(one.pipeline.stages.model_registry.reference.until)
    if all(judged):
        start = max(start, windows.window(min(key for key in judged if key)).end)
    found: list[Window] = []
    for window in windows.between(start, now):
        found.append(window)
        if len(found) == WINDOWS_PER_TICK:
            break
    return found


def _assets(pipeline: str, environments: tuple[str, ...]) -> list[dg.AssetKey]:
    shared = [StageKey(pipeline, None, stage) for stage in SHARED_STAGES[:3]]
    each = [StageKey(pipeline, name, stage) for name in environments for stage in (BATCH, "model_monitoring")]
    return [dg.AssetKey(key.parts) for key in (*shared, *each)]
