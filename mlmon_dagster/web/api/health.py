"""Whether the process lives, and whether what it needs does."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from mlmon_dagster.errors import MlmonError
from mlmon_dagster.web.documents import TheWeb
from mlmon_dagster.web.route import PUBLIC, GovernedRoute, takes

router = APIRouter(prefix="/health", tags=["health"], route_class=GovernedRoute)


class Live(BaseModel):
    """The process answers."""

    status: str


class Ready(BaseModel):
    """Whether requests can be served, and what each needed thing says."""

    status: str
    dependencies: dict[str, str]


@router.get("/live", response_model=Live, **takes(PUBLIC))
def get_live() -> Any:
    """The process answers."""
    return {"status": "live"}


@router.get("/ready", response_model=Ready, responses={503: {"model": Ready}}, **takes(PUBLIC))
def get_ready(web: TheWeb) -> Any:
    """200 when everything needed can be used, else 503; says no more than which part fails."""
    found = {"database": _database(web), "pipelines": _pipelines(web)}
    ready = found["database"] == "ok"
    body = {"status": "ready" if ready else "unavailable", "dependencies": found}
    return JSONResponse(body, 200 if ready else 503, headers={} if ready else {"Retry-After": "2"})


def _database(web: Any) -> str:
    try:
        with web.premises.governance.ledger.read() as reading:
            reading.entries(newest=1)
    except MlmonError as error:
        return error.code.lower()
    return "ok"


def _pipelines(web: Any) -> str:
    problems = getattr(web.premises.pipelines, "problems", ())
    return f"{len(problems)} mistakes in pipeline files" if problems else "ok"
