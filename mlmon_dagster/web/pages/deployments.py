"""Deployments: what was put where, and the way back."""

from typing import Any

from fastapi import APIRouter, Request

from mlmon_dagster.web.api.deployments import State
from mlmon_dagster.web.cursor import Paged
from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.fields import Identifier
from mlmon_dagster.web.lists import Filters, newest
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/deployments", route_class=PageRoute)


@router.get("", **takes("see"))
def show_deployments(request: Request, at: AtDesk, paging: Paged, of: Filters, state: State | None = None) -> Any:
    """Twin of `GET /api/deployments`."""
    found = newest(paging, at.deployments.list, **of, state=state)
    return page(request, "deployments.html", "Deployments", found=found, state=state)


@router.get("/{id}", **takes("see"))
def show_deployment(request: Request, at: AtDesk, id: Identifier) -> Any:
    """Twin of `GET /api/deployments/{id}`, `/health` and `/traffic`."""
    one = at.deployments.get(id)
    return page(
        request,
        "deployment.html",
        f"{id}: {one.pipeline} version {one.version} in {one.environment}",
        one=one,
        health=at.deployments.health(id),
        traffic=at.deployments.traffic(id) if one.state == "live" else (),
        entries=at.audit.list(subject=id),
    )
