"""Projects: groups of pipelines."""

from typing import Any

from fastapi import APIRouter, Request

from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/projects", route_class=PageRoute)


@router.get("", **takes("see"))
def show_projects(request: Request, at: AtDesk) -> Any:
    """Twin of `GET /api/projects`."""
    pipelines: dict[str, list[str]] = {}
    for one in at.pipelines.list():
        pipelines.setdefault(one.project, []).append(one.name)
    saved = {one.id: one for one in at.projects.list()}
    names = sorted({*pipelines, *saved})
    return page(request, "projects.html", "Projects", names=names, saved=saved, pipelines=pipelines)
