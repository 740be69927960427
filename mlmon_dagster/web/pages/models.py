"""Model versions of every pipeline, and one of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from mlmon_dagster.web.cursor import Paged
from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.fields import Name, WholeNumber
from mlmon_dagster.web.lists import newest
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/models", route_class=PageRoute)


@router.get("", **takes("see"))
def show_models(request: Request, at: AtDesk, paging: Paged, pipeline: Name | None = None) -> Any:
    """Twin of `GET /api/models`."""
    found = newest(paging, at.models.list, pipeline=pipeline)
    live = {(one.pipeline, one.version, one.environment) for one in at.deployments.list(pipeline, state="live")}
    return page(request, "models.html", "Models", found=found, live=live)


@router.get("/{pipeline}/{number}", **takes("see"))
def show_model(
    request: Request, at: AtDesk, pipeline: Name, number: Annotated[WholeNumber, Path(ge=1, le=2**31 - 1)]
) -> Any:
    """Twin of `GET /api/models/{pipeline}/versions/{number}`."""
    one = at.models.get(pipeline, number)
    return page(
        request,
        "model.html",
        f"{pipeline} version {number}",
        one=one,
        promotions=[asked for asked in at.promotions.list(pipeline)[::-1] if asked.version == number],
        deployments=[done for done in at.deployments.list(pipeline)[::-1] if done.version == number],
        environments=at.pipelines.get(pipeline).environments,
    )
