"""Promotions and what their gates say."""

from typing import Any

from fastapi import APIRouter, Request

from mlmon_dagster.errors import MlmonError
from mlmon_dagster.governance.promotions import PENDING
from mlmon_dagster.web.api.promotions import State
from mlmon_dagster.web.cursor import Paged
from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.fields import Identifier
from mlmon_dagster.web.lists import Filters, newest
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/promotions", route_class=PageRoute)


@router.get("", **takes("see"))
def show_promotions(request: Request, at: AtDesk, paging: Paged, of: Filters, state: State | None = None) -> Any:
    """Twin of `GET /api/promotions`."""
    found = newest(paging, at.promotions.list, **of, state=state)
    return page(request, "promotions.html", "Promotions", found=found, state=state)


@router.get("/{id}", **takes("see"))
def show_promotion(request: Request, at: AtDesk, id: Identifier) -> Any:
    """Twin of `GET /api/promotions/{id}`, `/gate` and `/approvals`."""
    one, gate, problem = at.promotions.get(id), None, None
    pending = one.state in PENDING
    try:
        gate = at.promotions.gate(id) if pending else None
    except MlmonError as error:
        problem = error
    opened = at.audit.list(subject=id, action="promotion.opened", newest=1)
    return page(
        request,
        "promotion.html",
        f"{id}: {one.pipeline} version {one.version} to {one.environment}",
        one=one,
        pending=pending,
        gate=gate,
        problem=problem,
        opened=opened[-1] if opened else None,
        approvals=at.promotions.approvals(id),
        entries=at.audit.list(subject=id),
    )
