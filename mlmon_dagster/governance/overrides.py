"""Overrides: breaking the glass of a gate in an emergency, by two admins, with a reason, for an hour."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

SPAN = timedelta(hours=1)
"""How long a proposal waits for the second admin, and then how long the gate is held open."""


@dataclass(frozen=True)
class Override:
    """One admin's proposal to open a promotion's gate although conditions are not met, and another one's consent."""

    id: str
    seq: int
    promotion: str
    pipeline: str
    project: str
    environment: str
    state: str
    """`proposed` or `granted`."""
    proposed_by: str
    reason: str
    until: datetime
    """When it lapses."""
    granted_by: str = ""


def in_force(overrides: Iterable[Override], promotion: str, now: datetime) -> Override | None:
    """The override that holds the promotion's gate open now."""
    for one in overrides:
        if (one.promotion, one.state) == (promotion, "granted") and now < one.until:
            return one
    return None
