"""The dead man's switch: a live model whose windows are no longer judged is an alert (requirements 7.15, X22)."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.lifecycle.queries import live_deployments
from mlmon_dagster.pipeline.windows import Window
from mlmon_dagster.sensors.alerts import FailedCheck, alert_run
from mlmon_dagster.settings import Settings

SILENT_WINDOWS = 3
"""Closed windows without a verdict that make an alert."""


def heartbeat_sensor(
    pipelines: Mapping[str, Declared], job: dg.JobDefinition, settings: Settings, suffix: str = ""
) -> dg.SensorDefinition:
    """Compares the newest judged window of every live deployment with the clock: two queries for all of them."""

    @dg.sensor(
        name=f"heartbeat{suffix}",
        job=job,
        minimum_interval_seconds=600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description=f"Raises an alert when a live model has no verdict for {SILENT_WINDOWS} closed windows.",
    )
    def heartbeat(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        governance = context.resources.database.governance()
        judged = governance.judgements.newest("model_monitoring")
        now = datetime.now(timezone.utc)
        failed = []
        for live in live_deployments(governance):
            one = pipelines.get(live.pipeline)
            if one is not None and live.environment in settings.environments:
                newest = judged.get((live.pipeline, live.environment))
                silent = silent_windows(one, max(live.started_at, newest.at) if newest else live.started_at, now)
                failed += [_absent(live.pipeline, live.environment, silent)] if silent else []
        if not failed:
            yield dg.SkipReason("every live model is watched")
            return
        windows = "+".join(f"{one.pipeline}/{one.environment}@{one.window}" for one in failed)
        yield alert_run(job, f"heartbeat:{windows}"[:255], failed)

    return heartbeat


def silent_windows(one: Declared, heard: datetime, now: datetime) -> list[Window]:
    """The windows that closed since a verdict was last heard, if there are at least `SILENT_WINDOWS`; else none.

    `heard` is when a window was last judged, or when the model went live: what closed before that is not missed.
    """
    windows = one.pipeline.windows
    silent = [window for window in windows.between(windows.align(heard), now) if window.end > heard]
    return silent if len(silent) >= SILENT_WINDOWS else []


def _absent(pipeline: str, environment: str, silent: list[Window]) -> FailedCheck:
    reason = f"no verdict since {silent[0].key}: monitoring is silent, which is not the same as no drift"
    last = silent[-1].key
    return FailedCheck(
        pipeline=pipeline, environment=environment, check="heartbeat", window=last, reason=reason, severity="critical"
    )
