"""The application: our pages, the API under `/api`, its documentation at `/docs` and `/redoc`."""

from typing import Any

from fastapi import FastAPI

from mlmon_dagster.web.api import routers
from mlmon_dagster.web.dagster import PREFIX, DagsterPages
from mlmon_dagster.web.limits import Bounds, Limits
from mlmon_dagster.web.pages import show_pages
from mlmon_dagster.web.problems import answer_problems
from mlmon_dagster.web.reading import show_documentation
from mlmon_dagster.web.state import Web
from mlmon_dagster.web.watch import Watch
from mlmon_dagster.web.webhooks import Deliveries

DESCRIPTION = """Operate production models: pipelines, promotions, approvals, deployments, alerts, audit log.

Every failure is `application/problem+json` with a stable `code`. Every change answers with a receipt, the number and
hashes of the audit entry that recorded it, and may carry an `Idempotency-Key`. Lists come in pages.
"""

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable; see docs/api.md"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def create_app(web: Web, *, bounds: Bounds | None = None) -> FastAPI:
    """The application over an office."""
    app = FastAPI(
        title="mlmon",
        description=DESCRIPTION,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.web = web
    for router in routers():
        app.include_router(router, prefix="/api")
    answer_problems(app)
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
    """Problems and ways to be recognised, said once for every route."""
    make = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = make()
            parts = document.setdefault("components", {})
            parts.setdefault("schemas", {})["Problem"] = PROBLEM
            parts["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer", "description": "mlm_..."},
                "session": {"type": "apiKey", "in": "cookie", "name": "mlmon"},
            }
            for operations in document["paths"].values():
                for operation in operations.values():
                    _describe_problems(operation)
        return app.openapi_schema or {}

    app.openapi = described  # type: ignore[method-assign]


def _describe_problems(operation: dict[str, Any]) -> None:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = {"description": "Refused or failed", "content": content}
