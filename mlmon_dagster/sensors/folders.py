"""Declared folders: their new files are scored when they come, or by the clock where a schedule is declared."""

import hashlib
import json
from collections.abc import Iterator, Mapping

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.lifecycle.queries import live_deployments
from mlmon_dagster.pipeline.serving import FolderInferencing
from mlmon_dagster.pipeline.stages import FOLDER, StageKey
from mlmon_dagster.sensors.scope import ANY_ASSETS
from mlmon_dagster.settings import Settings


def folder_sensor(pipelines: Mapping[str, Declared], settings: Settings, suffix: str = "") -> dg.SensorDefinition:
    """Looks at names, sizes and times of the input folders' files; the stage itself knows which of them are done.

    Where another version scores them again, it looks at the deployment that is live, too.
    """
    watched = {name: one for name, one in _declared(pipelines, settings).items() if _folder(one).schedule is None}

    @dg.sensor(
        name=f"folders{suffix}",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description=f"Asks for the new files of folders to be scored ({len(watched)} folders are watched).",
    )
    def folders(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        before: dict[str, str] = json.loads(context.cursor or "{}")
        deployed = live_deployments(context.resources.database.governance())
        live = {(one.pipeline, one.environment): one.id for one in deployed}
        seen = {
            name: fingerprint(one, live[name, environment])
            for name, one in watched.items()
            if (name, environment := str(one.pipeline.folder_environment)) in live
        }
        changed = {name: found for name, found in seen.items() if found and before.get(name) != found}
        for name, found in changed.items():
            yield _request(pipelines[name], f"folder:{name}:{found[:16]}")
        if not changed:
            yield dg.SkipReason("no folder has new files")
        context.update_cursor(json.dumps({**before, **seen}, sort_keys=True))

    return folders


def folder_schedules(
    pipelines: Mapping[str, Declared], settings: Settings, suffix: str = ""
) -> list[dg.ScheduleDefinition]:
    """One schedule for each distinct cron of the folders."""
    declared = _declared(pipelines, settings)
    crons = sorted({cron for one in declared.values() if (cron := _folder(one).schedule)})
    return [
        _schedule(cron, place, [one for one in declared.values() if _folder(one).schedule == cron], suffix)
        for place, cron in enumerate(crons)
    ]


def _schedule(cron: str, place: int, members: list[Declared], suffix: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"folders_{place}{suffix}",
        cron_schedule=cron,
        job_name=ANY_ASSETS,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Scores the new files of folders ({cron}, {len(members)} pipelines).",
    )
    def folders(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        for one in members:
            yield _request(one, f"folder:{one.pipeline.name}:{context.scheduled_execution_time:%Y%m%dT%H%M}")

    return folders


def fingerprint(one: Declared, live: str = "") -> str:
    """How the input folder looks, to the deployment that is live where that matters; empty without files."""
    from mlmon_dagster.adapters.batch.folder import parquet_files

    files = [(path, path.stat()) for path in parquet_files(one.file.parent / _folder(one).input)]
    told = "\n".join(f"{path} {state.st_size} {state.st_mtime_ns}" for path, state in files)
    if _folder(one).rescore:
        told = f"{live}\n{told}"
    return hashlib.sha256(told.encode()).hexdigest() if files else ""


def _declared(pipelines: Mapping[str, Declared], settings: Settings) -> dict[str, Declared]:
    return {
        name: one
        for name, one in pipelines.items()
        if one.pipeline.stages.model_inferencing.folder and one.pipeline.folder_environment in settings.environments
    }


def _folder(one: Declared) -> FolderInferencing:
    folder = one.pipeline.stages.model_inferencing.folder
    assert folder is not None  # noqa: S101 - only those that declare one come here
    return folder


def _request(one: Declared, run_key: str) -> dg.RunRequest:
    key = StageKey(one.pipeline.name, one.pipeline.folder_environment, FOLDER)
    return dg.RunRequest(run_key=run_key, asset_selection=[dg.AssetKey(key.parts)])
