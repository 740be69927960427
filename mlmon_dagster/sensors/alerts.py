"""Alerts: a sensor that sees checks which failed since it last looked, and the job that records and sends them."""

from collections.abc import Iterator, Mapping
from typing import cast

import dagster as dg
from pydantic import Field

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.pipeline.rules import Severity

CHECKS_PER_TICK = 500
"""Judged checks read at one tick; the cursor carries the rest to the next."""


class FailedCheck(dg.Config):
    """One check that failed, as the job is told of it."""

    pipeline: str
    environment: str | None = None
    check: str
    window: str | None = None
    reason: str
    severity: str = "warning"


class FailedChecks(dg.Config):
    """What the job raises alerts for."""

    failed: list[FailedCheck] = Field(description="checks that failed")


def alert_job(pipelines: Mapping[str, Declared], suffix: str = "") -> dg.JobDefinition:
    """The job that records alerts in the audit log and sends them over the pipelines' channels."""

    @dg.op(
        name=f"raise_alerts_op{suffix}", required_resource_keys={"database"}, retry_policy=dg.RetryPolicy(max_retries=2)
    )
    def raise_alerts_op(context: dg.OpExecutionContext, config: FailedChecks) -> None:
        governance = context.resources.database.governance()
        for failed in config.failed:
            declared = pipelines.get(failed.pipeline)
            if declared is None:
                context.log.warning(f"{failed.pipeline} is no longer declared; its check {failed.check} raises nothing")
                continue
            alert = raise_alert(
                governance,
                declared.pipeline,
                failed.environment,
                failed.check,
                window=failed.window,
                reason=failed.reason,
                severity=cast(Severity, failed.severity),
            )
            context.log.info(f"{alert.id}: {failed.reason}")

    @dg.job(
        name=f"raise_alerts{suffix}",
        description="Records alerts in the audit log and sends them.",
        tags={"dagster/max_runtime": 600},
    )
    def raise_alerts() -> None:
        raise_alerts_op()

    return raise_alerts


def alert_run(job: dg.JobDefinition, run_key: str, failed: list[FailedCheck]) -> dg.RunRequest:
    """The request for a run of the job."""
    op = next(iter(job.nodes)).name
    return dg.RunRequest(run_key=run_key, run_config=dg.RunConfig(ops={op: FailedChecks(failed=failed)}))


def alert_sensor(pipelines: Mapping[str, Declared], job: dg.JobDefinition, suffix: str = "") -> dg.SensorDefinition:
    """Reads judged checks newer than its cursor; those that say drift or error ask for alerts."""

    @dg.sensor(
        name=f"drift_alerts{suffix}",
        job=job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description="Raises an alert for every check that says drift or error.",
    )
    def drift_alerts(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        judgements = context.resources.database.governance().judgements
        cursor = int(context.cursor or 0)
        fresh = judgements.after(cursor, limit=CHECKS_PER_TICK)
        failed = [
            FailedCheck(
                pipeline=one.pipeline,
                environment=one.environment,
                check=one.check,
                window=one.window,
                reason=one.reason,
            )
            for _, one in fresh
            if one.verdict in ("drift", "error") and one.pipeline in pipelines
        ]
        if failed:
            yield alert_run(job, f"alerts:{cursor}-{fresh[-1][0]}", failed)
        else:
            yield dg.SkipReason(f"{len(fresh)} checks were judged, none failed" if fresh else "nothing was judged")
        if fresh:
            context.update_cursor(str(fresh[-1][0]))

    return drift_alerts
