"""Maintenance: times in which alerts wake nobody."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from mlmon_dagster.governance.maintenance import Maintenance
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.fields import Body, EnvironmentName, Name, Reason
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/maintenance", tags=["alerts"], route_class=GovernedRoute)

MaintenanceRecorded = with_receipt(Maintenance)


class Work(Body):
    """Work on a pipeline, from now on for some hours, in one environment or in all."""

    pipeline: Name
    environment: EnvironmentName | None = None
    hours: Annotated[int, Field(ge=1, le=720)]
    reason: Reason


@router.get("", response_model=Page[Maintenance], **takes("see"))
def list_maintenance(at: AtDesk, paging: Paged, pipeline: Name | None = None) -> Any:
    """Times of maintenance, newest first."""
    return paging.page(at.alerts.maintenance(pipeline)[::-1], lambda one: one.id)


@router.post("", status_code=201, response_model=MaintenanceRecorded, **takes("alerts"))
def plan_maintenance(at: AtDesk, body: Work) -> Any:
    """Alerts are recorded and close gates, but are not sent."""
    return recorded(at.alerts.silence(body.pipeline, body.environment, hours=body.hours, reason=body.reason))
