"""The application: our pages, the API under `/api`, its documentation at `/docs` and `/redoc`."""

from typing import Any

from fastapi import FastAPI

from mlmon_dagster.web.api import routers
from mlmon_dagster.web.dagster import PREFIX, DagsterPages
from mlmon_dagster.web.limits import Bounds, Limits
from mlmon_dagster.web.openapi import DESCRIPTION, TAGS, described
from mlmon_dagster.web.pages import show_pages
from mlmon_dagster.web.pages.page import show_refusal
from mlmon_dagster.web.problems import answer_problems
from mlmon_dagster.web.reading import show_documentation
from mlmon_dagster.web.state import Web
from mlmon_dagster.web.watch import Watch
from mlmon_dagster.web.webhooks import Deliveries


def create_app(web: Web, *, bounds: Bounds | None = None) -> FastAPI:
    """The application over an office."""
    app = FastAPI(
        title="mlmon",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.web = web
    for router in routers():
        app.include_router(router, prefix="/api")
    answer_problems(app, show_refusal)
    show_documentation(app)
    show_pages(app)
    if web.settings.dagster:
        app.mount(PREFIX, DagsterPages(web, web.settings.dagster), name="dagster")
    _describe(app)
    app.add_middleware(Limits, bounds=bounds or Bounds(frozenset({web.settings.host})))
    app.add_middleware(Watch)
    app.add_middleware(Deliveries)
    return app


def _describe(app: FastAPI) -> None:
    make = app.openapi

    def once() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = described(make)
        return app.openapi_schema

    app.openapi = once  # type: ignore[method-assign]
