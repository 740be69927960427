"""What this server works with."""

from typing import Any

from fastapi import APIRouter, Request

from mlmon_dagster.web.api.integrations import list_integrations
from mlmon_dagster.web.documents import AtDesk, TheWeb
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/integrations", route_class=PageRoute)


@router.get("", **takes("see"))
def show_integrations(request: Request, web: TheWeb, at: AtDesk) -> Any:
    """Twin of `GET /api/integrations` and, for who holds a role in all projects, `/integrations/github`."""
    connected = at.repositories.list() if at.standing.sees(None) else ()
    return page(request, "integrations.html", "Integrations", found=list_integrations(web), connected=connected)
