"""Reports that were kept as evidence, and a form that asks for another one."""

from typing import Any

from fastapi import APIRouter, Request

from mlmon_dagster.web.cursor import Paged
from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.fields import Name
from mlmon_dagster.web.lists import newest
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/reports", route_class=PageRoute)


@router.get("", **takes("see"))
def show_reports(request: Request, at: AtDesk, paging: Paged, pipeline: Name | None = None) -> Any:
    """Twin of `GET /api/reports`."""
    found = newest(paging, at.reports.list, pipeline=pipeline)
    return page(request, "reports.html", "Reports", found=found, pipelines=at.pipelines.list())
