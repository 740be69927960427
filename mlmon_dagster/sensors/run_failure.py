"""Failed runs: a stage that could not do its work is an alert; a gate that refused is an answer."""

from collections.abc import Iterator, Mapping

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.assets.factory import REFUSED
from mlmon_dagster.pipeline.stages import ASSETS
from mlmon_dagster.sensors.alerts import FailedCheck, alert_run


def failed_run_sensor(
    pipelines: Mapping[str, Declared], job: dg.JobDefinition, suffix: str = ""
) -> dg.SensorDefinition:
    """Asks for one alert for each stage that failed in a run."""

    @dg.run_failure_sensor(
        name=f"failed_runs{suffix}",
        request_job=job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Raises an alert when a stage fails; a refusal by a gate is not a failure.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        failed = [one for event in context.get_step_failure_events() if (one := failed_stage(event, pipelines))]
        if failed:
            yield alert_run(job, f"failed:{context.dagster_run.run_id}", failed)
        else:
            yield dg.SkipReason("no stage failed: a gate refused, or the run is not one of ours")

    return failed_runs


def failed_stage(event: dg.DagsterEvent, pipelines: Mapping[str, Declared]) -> FailedCheck | None:
    """The failed stage behind a step's failure; `None` for a refusal and for steps that are no stage."""
    parts = (event.step_key or "").split("__")
    if parts[0] not in pipelines or parts[-1] not in ASSETS:
        return None
    user = event.step_failure_data.user_failure_data
    if user is not None and REFUSED in user.metadata:
        return None
    error = event.step_failure_data.error
    reason = (user.description if user else None) or (error.message.strip() if error else "the stage failed")
    environment = parts[1] if len(parts) == 3 else None
    return FailedCheck(pipeline=parts[0], environment=environment, check=f"run:{parts[-1]}", reason=reason)
