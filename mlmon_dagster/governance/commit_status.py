"""What a gate says, as the status of a commit: the line that GitHub shows beside it and can require for a merge."""

from dataclasses import dataclass
from typing import Literal

from mlmon_dagster.governance.gates import CONSENT, GateVerdict
from mlmon_dagster.governance.promotions import Promotion

State = Literal["success", "pending", "failure", "error"]

OURS = "mlmon/"
"""How the contexts of our statuses begin; they are never evidence for a gate."""

LONGEST = 140
"""Characters that GitHub takes as a description."""


@dataclass(frozen=True)
class CommitStatus:
    """What one system says of a commit."""

    context: str
    """Which system, and of what: `ci/tests`, `mlmon/prod house_prices`."""
    state: State
    description: str = ""
    address: str = ""
    """Where more is told."""


def gate_status(promotion: Promotion, verdict: GateVerdict | None, address: str = "") -> CommitStatus:
    """The status of the commit that a promotion is bound to: its gate while it is pending, afterwards how it ended.

    >>> from mlmon_dagster.governance.gates import Condition
    >>> closed = GateVerdict((Condition("in time", True, ""), Condition("approvals", False, "1 of 2")))
    >>> from types import SimpleNamespace
    >>> asked = SimpleNamespace(environment="prod", pipeline="prices", version=3, state="requested", pending=True)
    >>> gate_status(asked, closed).description
    'version 3: 1 of 2 conditions is missing: approvals (1 of 2)'
    """
    context = f"{OURS}{promotion.environment} {promotion.pipeline}"
    if promotion.pending and verdict is not None:
        state: State = "success" if verdict.open else "pending"
        return CommitStatus(context, state, _cut(f"version {promotion.version}: {_said(verdict)}"), address)
    ended: State = "success" if promotion.state in ("deployed", "opened") else "failure"
    return CommitStatus(context, ended, _cut(f"version {promotion.version}: {promotion.state}"), address)


def _said(verdict: GateVerdict) -> str:
    """Without what changes by the minute, such as ages: GitHub takes a thousand statuses of a commit and context."""
    missing = verdict.unmet
    if not missing:
        return f"open, {len(verdict.conditions)} of {len(verdict.conditions)} conditions are satisfied"
    told = ", ".join(f"{one.name} ({one.detail})" if one.name in CONSENT else one.name for one in missing)
    verb = "is" if len(missing) == 1 else "are"
    return f"{len(missing)} of {len(verdict.conditions)} conditions {verb} missing: {told}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
