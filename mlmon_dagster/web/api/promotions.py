"""Promotions: request, approve, reject, and what the gate says."""

from typing import Any, Literal

from fastapi import APIRouter

from mlmon_dagster.governance.overrides import Override
from mlmon_dagster.governance.promotions import Approval, Promotion
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, GateDocument, gate_document, recorded, with_receipt
from mlmon_dagster.web.fields import Body, EnvironmentName, Identifier, Key, Name, Reason, Text, VersionNumber
from mlmon_dagster.web.lists import Filters, newest
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/promotions", tags=["promotions"], route_class=GovernedRoute)

PromotionRecorded = with_receipt(Promotion, gate=True)
State = Literal["pending", "requested", "approved", "opened", "deployed", "failed", "rejected", "expired", "lapsed"]


class PromotionRequest(Body):
    """A version that is asked for in an environment; without a version, the one live in the environment before."""

    pipeline: Name
    environment: EnvironmentName
    version: VersionNumber | None = None
    reason: Text = ""
    key: Key = ""


class Consent(Body):
    """Why; recorded."""

    reason: Text = ""


class Refusal(Body):
    """Why; recorded."""

    reason: Reason


@router.get("", response_model=Page[Promotion], **takes("see"))
def list_promotions(at: AtDesk, paging: Paged, of: Filters, state: State | None = None) -> Any:
    """Promotions, newest first."""
    return newest(paging, at.promotions.list, **of, state=state)


@router.post("", status_code=201, response_model=PromotionRecorded, **takes("request"))
def request_promotion(at: AtDesk, body: PromotionRequest) -> Any:
    """Asks to take a version into an environment; the same request again returns the one that is pending."""
    return recorded(
        at.promotions.request(body.pipeline, body.environment, body.version, reason=body.reason, key=body.key)
    )


@router.get("/{id}", response_model=Promotion, **takes("see"))
def get_promotion(at: AtDesk, id: Identifier) -> Any:
    """One promotion."""
    return at.promotions.get(id)


@router.get("/{id}/gate", response_model=GateDocument, **takes("see"))
def get_gate(at: AtDesk, id: Identifier) -> Any:
    """What its gate says now: what is satisfied, what is missing, who can provide it."""
    return gate_document(at.promotions.gate(id))


@router.get("/{id}/approvals", response_model=tuple[Approval, ...], **takes("see"))
def list_approvals(at: AtDesk, id: Identifier) -> Any:
    """Every approval that was given, whether it counts now or not."""
    return at.promotions.approvals(id)


@router.post("/{id}/approve", response_model=PromotionRecorded, **takes("approve"))
def approve_promotion(at: AtDesk, id: Identifier, body: Consent) -> Any:
    """Consents to exactly this version under exactly this pipeline file; takes a session, for prod a fresh one."""
    return recorded(at.promotions.approve(id, reason=body.reason))


@router.post("/{id}/reject", response_model=with_receipt(Promotion), **takes("request"))
def reject_promotion(at: AtDesk, id: Identifier, body: Refusal) -> Any:
    """Ends a pending promotion; its requester may withdraw it so too."""
    return recorded(at.promotions.reject(id, reason=body.reason))


@router.post("/{id}/override", response_model=with_receipt(Override), **takes("approve"))
def override_gate(at: AtDesk, id: Identifier, body: Refusal) -> Any:
    """Holds its gate open for an hour although conditions are not met, once two admins want it; an alert.

    Takes a session with a fresh password. The first call proposes, the call of another admin within an hour grants.
    """
    return recorded(at.promotions.override(id, reason=body.reason))
