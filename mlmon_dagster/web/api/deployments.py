"""Deployments and rollbacks."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.runs import RunRequest
from mlmon_dagster.ports import Traffic
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.fields import Body, Identifier, Reason, Text, VersionNumber
from mlmon_dagster.web.lists import Filters, newest
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/deployments", tags=["deployments"], route_class=GovernedRoute)

DeploymentRecorded = with_receipt(Deployment)
RunRecorded = with_receipt(RunRequest)
State = Literal["started", "green_up", "shadowing", "shifting", "live", "failed", "rolled_back", "superseded"]


class Deploy(Body):
    """The promotion to carry out."""

    promotion: Identifier
    reason: Text = ""


class RollbackRequest(Body):
    """Why; and to which version, if not to the one before."""

    reason: Reason
    version: VersionNumber | None = None


class Health(BaseModel):
    """What the target says now."""

    status: str


class EnvironmentTraffic(BaseModel):
    """Every version that an environment runs, the live one first."""

    versions: list[Traffic]


@router.get("", response_model=Page[Deployment], **takes("see"))
def list_deployments(at: AtDesk, paging: Paged, of: Filters, state: State | None = None) -> Any:
    """Deployments, newest first; `state=live` is what serves now."""
    return newest(paging, at.deployments.list, **of, state=state)


@router.post("", status_code=202, response_model=RunRecorded, **takes("deploy"))
def deploy(at: AtDesk, body: Deploy) -> Any:
    """Asks Dagster to carry a pending promotion out now; the deployment stage opens the gate or says what closes it."""
    return recorded(at.runs.deploy(body.promotion, reason=body.reason))


@router.get("/{id}", response_model=Deployment, **takes("see"))
def get_deployment(at: AtDesk, id: Identifier) -> Any:
    """One deployment."""
    return at.deployments.get(id)


@router.get("/{id}/health", response_model=Health, **takes("see"))
def get_health(at: AtDesk, id: Identifier) -> Any:
    """What the target says of it now."""
    return {"status": at.deployments.health(id)}


@router.get("/{id}/traffic", response_model=EnvironmentTraffic, **takes("see"))
def get_traffic(at: AtDesk, id: Identifier) -> Any:
    """What the target runs in the deployment's environment: shares of the traffic, failures, latencies."""
    return {"versions": at.deployments.traffic(id)}


@router.post("/{id}/rollback", response_model=DeploymentRecorded, **takes("rollback"))
def roll_back_deployment(at: AtDesk, id: Identifier, body: RollbackRequest) -> Any:
    """Puts the version before this deployment (or the named one) back, at once and without approval.

    The answer comes when the other version serves. 409 when this deployment is not the one that is live.
    """
    return recorded(at.deployments.roll_back_from(id, body.version, reason=body.reason))
