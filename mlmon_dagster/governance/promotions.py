"""Promotions: a request to take a model version into an environment, and the approvals given to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlmon_dagster.governance.people import person_of
from mlmon_dagster.governance.roles import MACHINE, PERMITTED
from mlmon_dagster.settings import ENVIRONMENTS

PENDING = ("requested", "approved")
"""States in which a promotion waits for its gate."""


@dataclass(frozen=True)
class Bound:
    """What promotions and approvals are bound to: when one of these is no longer the present one, they lapse."""

    digest: str
    """Of the model version."""
    pipeline_digest: str
    git_commit: str = ""


@dataclass(frozen=True)
class Promotion:
    """A request to take a version into an environment, bound to a model, a pipeline file and a commit."""

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
    git_commit: str = ""
    """The commit that changed the pipeline's folder last; empty where there is no repository."""

    @property
    def bound(self) -> "Bound":
        """What it was asked for, exactly."""
        return Bound(self.digest, self.pipeline_digest, self.git_commit)

    @property
    def pending(self) -> bool:
        """Whether it still waits for its gate."""
        return self.state in PENDING


@dataclass(frozen=True)
class Approval:
    """A named person's standing consent to exactly these digests, after seeing this evidence."""

    id: str
    seq: int
    promotion: str
    approver: str
    digest: str
    pipeline_digest: str
    at: datetime
    reason: str = ""
    git_commit: str = ""
    evidence: str = ""
    """Digest of what the gate said when it was given."""

    @property
    def bound(self) -> Bound:
        """What was consented to, exactly."""
        return Bound(self.digest, self.pipeline_digest, self.git_commit)


def before(environment: str) -> str | None:
    """The environment that a version must live in first; `None` before dev.

    >>> before("prod")
    'staging'
    """
    place = ENVIRONMENTS.index(environment)
    return ENVIRONMENTS[place - 1] if place else None


@dataclass(frozen=True)
class Setback:
    """Evidence that became worse: what was consented to before is no longer what was consented to."""

    what: str
    at: datetime
    seq: int | None = None
    """Number of the entry that tells of it; without one, the time is compared."""

    def after(self, approval: Approval) -> bool:
        """Whether it came after the approval."""
        return self.at > approval.at if self.seq is None else self.seq > approval.seq


def counting(
    promotion: Promotion,
    approvals: Sequence[Approval],
    roles: Mapping[str, frozenset[str]],
    *,
    present: Bound,
    names: Mapping[str, str],
    setbacks: Sequence[Setback] = (),
) -> tuple[Approval, ...]:
    """The approvals that count now, in order; one person may have given several of them.

    One does not count when it comes from the requester (under any name, see `people`) or a machine, when its giver no
    longer may approve (`roles`: the roles held now), when it was given to anything but what is present, or when the
    evidence became worse since.
    """
    requester = person_of(promotion.requester, names)
    return tuple(
        one
        for one in approvals
        if (one.promotion, one.bound) == (promotion.id, present)
        and one.approver != MACHINE
        and person_of(one.approver, names) != requester
        and roles.get(one.approver, frozenset()) & set(PERMITTED["approve"])
        and not any(setback.after(one) for setback in setbacks)
    )


def approvers(approvals: Sequence[Approval], names: Mapping[str, str]) -> tuple[str, ...]:
    """The distinct people who gave them, in order."""
    return tuple(dict.fromkeys(person_of(one.approver, names) for one in approvals))
