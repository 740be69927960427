"""What this server works with."""

from typing import Any

from fastapi import APIRouter, Request

from mlmon_dagster.web.api.integrations import list_integrations
from mlmon_dagster.web.documents import TheWeb
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/integrations", route_class=PageRoute)


@router.get("", **takes("see"))
def show_integrations(request: Request, web: TheWeb) -> Any:
    """Twin of `GET /api/integrations`."""
    return page(request, "integrations.html", "Integrations", found=list_integrations(web))
