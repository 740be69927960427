"""Who holds which role, and the caller's own tokens."""

from typing import Any

from fastapi import APIRouter, Request

from mlmon_dagster.governance.roles import PERMITTED, ROLES
from mlmon_dagster.lifecycle.identity import tokens
from mlmon_dagster.web.documents import AtDesk, TheCaller, TheWeb
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/people", route_class=PageRoute)


@router.get("", **takes("see"))
def show_people(request: Request, at: AtDesk, web: TheWeb, caller: TheCaller) -> Any:
    """Twin of `GET /api/members` and `/tokens`."""
    return page(
        request,
        "people.html",
        "People",
        members=sorted(at.members.list(), key=lambda one: (one.name, one.project, one.role)),
        roles=ROLES,
        permitted={name: held for name, held in PERMITTED.items() if name != "see"},
        projects=at.projects.list(),
        tokens=tokens(web.identity, caller.name),
    )
