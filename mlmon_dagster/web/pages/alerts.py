"""Alerts: what failed, and who looks after it."""

from typing import Any

from fastapi import APIRouter, Request

from mlmon_dagster.web.api.alerts import State
from mlmon_dagster.web.cursor import Paged
from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.fields import Identifier
from mlmon_dagster.web.lists import Filters, newest
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/alerts", route_class=PageRoute)


@router.get("", **takes("see"))
def show_alerts(request: Request, at: AtDesk, paging: Paged, of: Filters, state: State | None = None) -> Any:
    """Twin of `GET /api/alerts`."""
    found = newest(paging, at.alerts.list, **of, state=state)
    return page(request, "alerts.html", "Alerts", found=found, state=state)


@router.get("/{id}", **takes("see"))
def show_alert(request: Request, at: AtDesk, id: Identifier) -> Any:
    """Twin of `GET /api/alerts/{id}`."""
    one = at.alerts.get(id)
    same_cause = [other for other in at.alerts.list(one.pipeline) if other.cause == id]
    return page(
        request,
        "alert.html",
        f"{id}: {one.check} of {one.pipeline}",
        one=one,
        same_cause=same_cause,
        entries=at.audit.list(subject=id),
    )
