"""Runs that people asked for over the API: taken up once each."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.governance.runs import WAITS, RunRequest
from mlmon_dagster.lifecycle.runs import requested_runs
from mlmon_dagster.pipeline.stages import SHARED_STAGES, StageKey
from mlmon_dagster.settings import Settings


def requested_run_sensor(
    pipelines: Mapping[str, Declared], settings: Settings, suffix: str = ""
) -> dg.SensorDefinition:
    """Reads the requests since the last tick with one query; what waited for more than a day is not run any more."""

    @dg.sensor(
        name=f"requested_runs{suffix}",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description="Starts the runs that people asked for.",
    )
    def requested_runs_(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        governance, oldest = context.resources.database.governance(), datetime.now(timezone.utc) - WAITS
        seen = int(context.cursor or 0)
        asked = requested_runs(governance, after=seen)
        ours = [one for one in asked if one.pipeline in pipelines and one.requested_at > oldest]
        ours = [one for one in ours if one.environment is None or one.environment in settings.environments]
        for one in ours:
            keys = [dg.AssetKey(key.parts) for key in stage_keys(one)]
            tags = {"mlmon/run": one.id, "mlmon/requested_by": one.requested_by}
            yield dg.RunRequest(run_key=one.id, asset_selection=keys, partition_key=one.window, tags=tags)
        if asked:
            context.update_cursor(str(asked[-1].seq))
        if not ours:
            yield dg.SkipReason("nobody asked for a run")

    return requested_runs_


def stage_keys(request: RunRequest) -> list[StageKey]:
    """The assets of a request."""
    environment = request.environment
    return [
        StageKey(request.pipeline, None if stage in SHARED_STAGES else environment, stage) for stage in request.stages
    ]
