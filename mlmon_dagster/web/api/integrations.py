"""What this server works with: which services, whether they answer, and how people are recognised."""

from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from mlmon_dagster.errors import MlmonError
from mlmon_dagster.web.documents import TheWeb
from mlmon_dagster.web.route import GovernedRoute, takes
from mlmon_dagster.web.state import Web

router = APIRouter(prefix="/integrations", tags=["integrations"], route_class=GovernedRoute)


class Integration(BaseModel):
    """One service; where it stands and how one gets in is not said."""

    name: str
    purpose: str
    status: Literal["ok", "not configured", "unavailable"]
    detail: str = ""


@router.get("", response_model=tuple[Integration, ...], **takes("see"))
def list_integrations(web: TheWeb) -> Any:
    """Every service that can be worked with, and how it is now."""
    providers, premises, registry = web.providers, web.premises, web.premises.registry
    return (
        _asked("database", "audit log, projections, metrics", lambda: _database(web)),
        _asked("mlflow", "model registry", None if registry is None else lambda: registry().versions("mlmon")),
        _declared("notary", "signs the audit log", premises.notary),
        _declared("dagster", "pages at /dagster", web.settings.dagster),
        _declared("github", "people log in", providers.github),
        _declared("github actions", "workflows request", providers.actions),
        _declared("aws load balancer", "people log in", providers.load_balancer),
    )


def _declared(name: str, purpose: str, found: object) -> Integration:
    return Integration(name=name, purpose=purpose, status="ok" if found else "not configured")


def _asked(name: str, purpose: str, ask: Callable[[], object] | None) -> Integration:
    if ask is None:
        return Integration(name=name, purpose=purpose, status="not configured")
    try:
        ask()
    except MlmonError as error:
        return Integration(name=name, purpose=purpose, status="unavailable", detail=error.code)
    return Integration(name=name, purpose=purpose, status="ok")


def _database(web: Web) -> None:
    with web.premises.governance.ledger.read() as reading:
        reading.entries(newest=1)
