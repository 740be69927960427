"""What monitoring found: drift, performance, metrics, verdicts of checks."""

import math
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.check import Judged, Verdict
from mlmon_dagster.ports import Measured
from mlmon_dagster.web.api.alerts import AlertRecorded, Failure
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded
from mlmon_dagster.web.fields import EnvironmentName, Name, WindowKey, Word
from mlmon_dagster.web.lists import newest
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/monitoring", tags=["monitoring"], route_class=GovernedRoute)

Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""JSON has no word for what is not finite, and null would say that nothing was measured."""


class MetricDocument(BaseModel):
    """One metric of one window (or, without a window, of a moment)."""

    pipeline: str
    environment: str | None
    stage: str
    window: str | None
    name: str
    value: Number
    version: int | None
    at: datetime


class VerdictDocument(BaseModel):
    """One check's verdict on one window, with the metrics it was judged by."""

    pipeline: str
    environment: str | None
    stage: str
    window: str | None
    check: str
    verdict: Verdict
    reason: str
    metrics: dict[str, Number]
    version: int | None
    at: datetime


@router.get("/alerts", response_model=Page[Alert], **takes("see"))
def list_monitoring_alerts(at: AtDesk, paging: Paged, pipeline: Name | None = None) -> Any:
    """Alerts that are open, newest first; `GET /alerts` has the whole history."""
    return newest(paging, at.alerts.list, pipeline=pipeline, state="active")


@router.post("/alerts", status_code=201, response_model=AlertRecorded, **takes("alerts"))
def raise_monitoring_alert(at: AtDesk, body: Failure) -> Any:
    """As `POST /alerts`."""
    return recorded(at.alerts.raise_(body.pipeline, body.check, body.environment, body.window, reason=body.reason))


@router.get("/drift/{pipeline}", response_model=tuple[VerdictDocument, ...], **takes("see"))
def get_drift(at: AtDesk, pipeline: Name, environment: EnvironmentName, since: WindowKey | None = None) -> Any:
    """Verdicts of the pipeline's monitors with the distances they measured, oldest window first."""
    return _verdicts(at.monitoring.drift(pipeline, environment, since))


@router.get("/performance/{pipeline}", response_model=tuple[MetricDocument, ...], **takes("see"))
def get_performance(at: AtDesk, pipeline: Name, environment: EnvironmentName, since: WindowKey | None = None) -> Any:
    """Metrics of the model's performance, oldest window first."""
    return _metrics(at.monitoring.performance(pipeline, environment, since))


@router.get("/metrics/{pipeline}", response_model=tuple[MetricDocument, ...], **takes("see"))
def get_metrics(
    at: AtDesk,
    pipeline: Name,
    environment: EnvironmentName | None = None,
    name: Word | None = None,
    since: WindowKey | None = None,
) -> Any:
    """The newest value of every metric; with a `name`, that metric over the windows, oldest first."""
    if name is None:
        return _metrics(at.monitoring.metrics(pipeline, environment))
    return _metrics(at.monitoring.series(pipeline, name, environment, since))


@router.get("/checks/{pipeline}", response_model=tuple[VerdictDocument, ...], **takes("see"))
def get_checks(at: AtDesk, pipeline: Name, environment: EnvironmentName | None = None) -> Any:
    """The newest verdict of every check."""
    return _verdicts(at.monitoring.checks(pipeline, environment))


@router.get("/checks/{pipeline}/history", response_model=tuple[VerdictDocument, ...], **takes("see"))
def get_check_history(
    at: AtDesk,
    pipeline: Name,
    environment: EnvironmentName | None = None,
    check: Word | None = None,
    since: WindowKey | None = None,
) -> Any:
    """Verdicts of every check, or of one, over the windows, oldest first."""
    return _verdicts(at.monitoring.history(pipeline, environment, check, since))


def _metrics(found: Iterable[Measured]) -> list[dict[str, Any]]:
    return [{**asdict(one), "value": _written(one.value)} for one in found]


def _verdicts(found: Iterable[Judged]) -> list[dict[str, Any]]:
    return [{**asdict(one), "metrics": {name: _written(v) for name, v in one.metrics.items()}} for one in found]


def _written(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
