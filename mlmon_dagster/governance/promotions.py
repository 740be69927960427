"""Promotions: a request to take a model version into an environment, and the approvals given to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlmon_dagster.governance.roles import MACHINE, PERMITTED
from mlmon_dagster.settings import ENVIRONMENTS

PENDING = ("requested", "approved")
"""States in which a promotion waits for its gate."""


@dataclass(frozen=True)
class Promotion:
    """A request to take a version into an environment, bound to two digests: the model's and the pipeline file's."""

    id: str
    seq: int
    pipeline: str
    project: str
    environment: str
    version: int
    digest: str
    pipeline_digest: str
    requester: str
    state: str
    """`requested`, `approved`, `opened`, `deployed`, `failed`, `rejected`, `expired` or `lapsed`."""
    requested_at: datetime
    expires_at: datetime
    reason: str = ""

    @property
    def pending(self) -> bool:
        """Whether it still waits for its gate."""
        return self.state in PENDING


@dataclass(frozen=True)
class Approval:
    """A named person's standing consent to exactly these digests."""

    id: str
    seq: int
    promotion: str
    approver: str
    digest: str
    pipeline_digest: str
    at: datetime
    reason: str = ""


def before(environment: str) -> str | None:
    """The environment that a version must live in first; `None` before dev.

    >>> before("prod")
    'staging'
    """
    place = ENVIRONMENTS.index(environment)
    return ENVIRONMENTS[place - 1] if place else None


def approvers(
    promotion: Promotion,
    approvals: Sequence[Approval],
    roles: Mapping[str, frozenset[str]],
    *,
    digest: str,
    pipeline_digest: str,
) -> tuple[str, ...]:
    """Distinct people whose approval counts now, in order of their approval.

    It does not count when it comes from the requester or a machine, when its giver no longer may approve (`roles`:
    the roles held now), or when it was given to other digests than the present ones.
    """
    counted: dict[str, None] = {}
    present = (promotion.id, digest, pipeline_digest)
    for approval in approvals:
        bound = (approval.promotion, approval.digest, approval.pipeline_digest) == present
        stranger = approval.approver not in (promotion.requester, MACHINE)
        if bound and stranger and roles.get(approval.approver, frozenset()) & set(PERMITTED["approve"]):
            counted[approval.approver] = None
    return tuple(counted)
