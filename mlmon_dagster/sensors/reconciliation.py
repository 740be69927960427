"""Reconciliation: every minute, what is live is compared with the audit log; a deviation is an alert."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.lifecycle.queries import open_alerts
from mlmon_dagster.lifecycle.reconciliation import CHECK, deviations
from mlmon_dagster.sensors.alerts import FailedCheck, alert_run
from mlmon_dagster.settings import Settings

PIPELINES_PER_TICK = 25
"""Pipelines compared at one tick; the cursor carries on with the next ones."""


def reconciliation_sensor(
    pipelines: Mapping[str, Declared], job: dg.JobDefinition, settings: Settings, suffix: str = ""
) -> dg.SensorDefinition:
    """Asks targets and the registry, which changes nothing; alerts are raised by the run it asks for."""

    @dg.sensor(
        name=f"reconciliation{suffix}",
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database", "mlflow"},
        description="Raises an alert when something else is live, or an alias points elsewhere, than the log says.",
    )
    def reconciliation(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        governance, registry = context.resources.database.governance(), context.resources.mlflow.registry()
        chosen, cursor = next_pipelines(sorted(pipelines), context.cursor or "")
        told = {(alert.pipeline, alert.environment) for alert in open_alerts(governance) if alert.check == CHECK}
        failed = [
            FailedCheck(
                pipeline=one.pipeline,
                environment=one.environment,
                check=CHECK,
                reason=one.reason,
                severity="critical",
            )
            for name in chosen
            for one in deviations(governance, pipelines[name].pipeline, settings.environments, registry, settings)
            if (one.pipeline, one.environment) not in told
        ]
        context.update_cursor(cursor)
        if failed:
            yield alert_run(job, f"{CHECK}:{datetime.now(timezone.utc).isoformat()}", failed)
        else:
            yield dg.SkipReason(f"{len(chosen)} pipelines are live as the log says")

    return reconciliation


def next_pipelines(names: list[str], cursor: str) -> tuple[list[str], str]:
    """The pipelines after the cursor, and the cursor after them; from the beginning again at the end.

    >>> next_pipelines(["a", "b"], "b")
    (['a', 'b'], 'b')
    """
    later = [name for name in names if name > cursor] or names
    chosen = later[:PIPELINES_PER_TICK]
    return chosen, chosen[-1] if chosen else ""
