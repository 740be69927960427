"""What monitoring found: drift, performance, metrics, verdicts of checks."""

from typing import Any

from fastapi import APIRouter

from mlmon_dagster.governance.check import Judged
from mlmon_dagster.ports import Measured
from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.fields import EnvironmentName, Name, WindowKey, Word
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/monitoring", tags=["monitoring"], route_class=GovernedRoute)


@router.get("/drift/{pipeline}", response_model=tuple[Judged, ...], **takes("see"))
def get_drift(at: AtDesk, pipeline: Name, environment: EnvironmentName, since: WindowKey | None = None) -> Any:
    """Verdicts of the pipeline's monitors with the distances they measured, oldest window first."""
    return at.monitoring.drift(pipeline, environment, since)


@router.get("/performance/{pipeline}", response_model=tuple[Measured, ...], **takes("see"))
def get_performance(at: AtDesk, pipeline: Name, environment: EnvironmentName, since: WindowKey | None = None) -> Any:
    """Metrics of the model's performance, oldest window first."""
    return at.monitoring.performance(pipeline, environment, since)


@router.get("/metrics/{pipeline}", response_model=tuple[Measured, ...], **takes("see"))
def get_metrics(
    at: AtDesk,
    pipeline: Name,
    environment: EnvironmentName | None = None,
    name: Word | None = None,
    since: WindowKey | None = None,
) -> Any:
    """The newest value of every metric; with a `name`, that metric over the windows, oldest first."""
    if name is None:
        return at.monitoring.metrics(pipeline, environment)
    return at.monitoring.series(pipeline, name, environment, since)


@router.get("/checks/{pipeline}", response_model=tuple[Judged, ...], **takes("see"))
def get_checks(
    at: AtDesk,
    pipeline: Name,
    environment: EnvironmentName | None = None,
    check: Word | None = None,
    since: WindowKey | None = None,
) -> Any:
    """The newest verdict of every check; with a `check` or `since`, verdicts over the windows."""
    if check is None and since is None:
        return at.monitoring.checks(pipeline, environment)
    return at.monitoring.history(pipeline, environment, check, since)
