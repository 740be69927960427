"""Alert rules: a sensor that judges what was measured since it last looked, and what is no longer measured."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.queries import live_deployments, open_alerts
from mlmon_dagster.pipeline.rules import AlertRule
from mlmon_dagster.ports import Measured
from mlmon_dagster.sensors.alerts import FailedCheck, alert_run
from mlmon_dagster.settings import Settings

POINTS_PER_TICK = 2000
"""Measurements read at one tick; the cursor carries the rest to the next."""


def metric_alert_sensor(
    pipelines: Mapping[str, Declared], job: dg.JobDefinition, settings: Settings, suffix: str = ""
) -> dg.SensorDefinition:
    """Reads measurements newer than its cursor; rules that fire ask for alerts."""

    @dg.sensor(
        name=f"metric_alerts{suffix}",
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description="Raises an alert when a metric breaks one of its rules, or is no longer measured.",
    )
    def metric_alerts(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        governance, now = context.resources.database.governance(), datetime.now(timezone.utc)
        cursor = int(context.cursor or 0)
        fresh = governance.metrics.after(cursor, limit=POINTS_PER_TICK)
        failed = broken_rules(governance, pipelines, [one for _, one in fresh], now)
        failed += absent_metrics(governance, pipelines, settings, now)
        if failed:
            yield alert_run(job, f"metrics:{cursor}-{fresh[-1][0] if fresh else now.isoformat()}", failed)
        else:
            yield dg.SkipReason(f"{len(fresh)} measurements break no rule")
        if fresh:
            context.update_cursor(str(fresh[-1][0]))

    return metric_alerts


def broken_rules(
    governance: Governance, pipelines: Mapping[str, Declared], fresh: list[Measured], now: datetime
) -> list[FailedCheck]:
    """The rules that the freshly measured metrics break, each judged once on its last points."""
    failed = []
    for pipeline, environment, metric in dict.fromkeys((one.pipeline, one.environment, one.name) for one in fresh):
        for name, rule in _rules(pipelines, pipeline).items():
            if rule.metric != metric or rule.absent_for is not None:
                continue
            points = governance.metrics.last(pipeline, environment, metric, rule.points)
            judged = rule.judge(points, now)
            if judged.verdict == "error":
                latest = points[-1]
                window = latest.window or latest.at.strftime("%Y-%m-%dT%H:%M:%S")
                failed.append(_failed(pipeline, environment, name, rule, window, judged.reason))
    return failed


def absent_metrics(
    governance: Governance, pipelines: Mapping[str, Declared], settings: Settings, now: datetime
) -> list[FailedCheck]:
    """The metrics of live deployments that a rule misses and that no open alert tells of: three queries for all."""
    rules = [
        (pipeline, name, rule)
        for pipeline in pipelines
        for name, rule in _rules(pipelines, pipeline).items()
        if rule.absent_for is not None
    ]
    heard = governance.metrics.heard({rule.metric for _, _, rule in rules}) if rules else {}
    if not heard:
        return []
    told = {(alert.pipeline, alert.environment, alert.check) for alert in open_alerts(governance)}
    live = {(one.pipeline, one.environment) for one in live_deployments(governance)}
    failed = []
    for pipeline, name, rule in rules:
        for environment in settings.environments:
            at = heard.get((pipeline, environment, rule.metric))
            if at is None or (pipeline, environment) not in live or (pipeline, environment, f"rule:{name}") in told:
                continue
            judged = rule.judge([Measured(pipeline, environment, "", None, rule.metric, 0.0, None, at)], now)
            if judged.verdict == "error":
                window = at.strftime("%Y-%m-%dT%H:%M:%S")
                failed.append(_failed(pipeline, environment, name, rule, window, judged.reason))
    return failed


def _rules(pipelines: Mapping[str, Declared], name: str) -> Mapping[str, AlertRule]:
    declared = pipelines.get(name)
    return declared.pipeline.stages.model_monitoring.alert_rules if declared else {}


def _failed(
    pipeline: str, environment: str | None, name: str, rule: AlertRule, window: str, reason: str
) -> FailedCheck:
    return FailedCheck(
        pipeline=pipeline,
        environment=environment,
        check=f"rule:{name}",
        window=window,
        reason=reason,
        severity=rule.severity,
    )
