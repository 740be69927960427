"""Model versions, and the promotion of one."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.fields import Body, EnvironmentName, Name, Text, VersionNumber, WholeNumber
from mlmon_dagster.web.lists import newest
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/models", tags=["models"], route_class=GovernedRoute)

Number = Annotated[WholeNumber, Path(ge=1, le=2**31 - 1)]


ModelRecorded = with_receipt(Model)


class Registration(Body):
    """A version of the pipeline's model in the model registry."""

    pipeline: Name
    version: VersionNumber


class VersionPromotion(Body):
    """Where to; without a version, the one live in the environment before."""

    environment: EnvironmentName
    version: VersionNumber | None = None
    reason: Text = ""


@router.get("", response_model=Page[Model], **takes("see"))
def list_models(at: AtDesk, paging: Paged, pipeline: Name | None = None) -> Any:
    """Registered versions, newest first."""
    return newest(paging, at.models.list, pipeline=pipeline)


@router.post("", status_code=201, response_model=ModelRecorded, **takes("create"))
def add_model(at: AtDesk, body: Registration) -> Any:
    """Makes a version of the model registry known to governance, with its digest; known already, nothing changes."""
    return recorded(at.models.register(body.pipeline, body.version))


@router.post("/register", status_code=201, response_model=ModelRecorded, **takes("create"))
def register_model(at: AtDesk, body: Registration) -> Any:
    """As `POST /models`."""
    return recorded(at.models.register(body.pipeline, body.version))


@router.get("/{pipeline}", response_model=tuple[Model, ...], **takes("see"))
def get_model(at: AtDesk, pipeline: Name) -> Any:
    """Every version of the pipeline's model, newest first."""
    return at.models.versions(pipeline)[::-1]


@router.get("/{pipeline}/versions/{number}", response_model=Model, **takes("see"))
def get_model_version(at: AtDesk, pipeline: Name, number: Number) -> Any:
    """One version with its digest."""
    return at.models.get(pipeline, number)


@router.post(
    "/{pipeline}/promote", status_code=201, response_model=with_receipt(Promotion, gate=True), **takes("request")
)
def promote_model(at: AtDesk, pipeline: Name, body: VersionPromotion) -> Any:
    """Asks to take a version into an environment, as `POST /promotions` does."""
    return recorded(at.promotions.request(pipeline, body.environment, body.version, reason=body.reason))
