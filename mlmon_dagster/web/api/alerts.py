"""Alerts: what failed, who looks after it, how it ended."""

from typing import Any, Literal

from fastapi import APIRouter

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.fields import Body, EnvironmentName, Identifier, Name, Reason, Text, WindowKey, Word
from mlmon_dagster.web.lists import Filters, newest
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/alerts", tags=["alerts"], route_class=GovernedRoute)

AlertRecorded = with_receipt(Alert)
State = Literal["active", "open", "acknowledged", "resolved"]


class Failure(Body):
    """What failed where; while it is open, the same again only counts."""

    pipeline: Name
    check: Word
    environment: EnvironmentName | None = None
    window: WindowKey | None = None
    reason: Reason


class Acknowledgement(Body):
    """What is known of it; recorded."""

    reason: Text = ""


class Resolution(Body):
    """Why it is over; recorded."""

    reason: Reason


@router.get("", response_model=Page[Alert], **takes("see"))
def list_alerts(at: AtDesk, paging: Paged, of: Filters, state: State | None = None) -> Any:
    """Alerts, newest first; `state=active` is what closes gates now."""
    return newest(paging, at.alerts.list, **of, state=state)


@router.post("", status_code=201, response_model=AlertRecorded, **takes("alerts"))
def raise_alert(at: AtDesk, body: Failure) -> Any:
    """Tells what a monitor outside of the pipeline found: it is sent over its channels and closes its gates."""
    return recorded(at.alerts.raise_(body.pipeline, body.check, body.environment, body.window, reason=body.reason))


@router.get("/{id}", response_model=Alert, **takes("see"))
def get_alert(at: AtDesk, id: Identifier) -> Any:
    """One alert."""
    return at.alerts.get(id)


@router.post("/{id}/acknowledge", response_model=AlertRecorded, **takes("alerts"))
def acknowledge_alert(at: AtDesk, id: Identifier, body: Acknowledgement) -> Any:
    """Says that somebody looks after it; it still closes gates."""
    return recorded(at.alerts.acknowledge(id, reason=body.reason))


@router.post("/{id}/resolve", response_model=AlertRecorded, **takes("alerts"))
def resolve_alert(at: AtDesk, id: Identifier, body: Resolution) -> Any:
    """Says that what it told of is over."""
    return recorded(at.alerts.resolve(id, reason=body.reason))


@router.post("/{id}/reopen", response_model=AlertRecorded, **takes("alerts"))
def reopen_alert(at: AtDesk, id: Identifier, body: Resolution) -> Any:
    """Says that it was not over after all: it closes gates again."""
    return recorded(at.alerts.reopen(id, reason=body.reason))
