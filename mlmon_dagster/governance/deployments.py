"""Deployments: a version on a target in an environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

UNDER_WAY = ("started", "green_up", "shadowing", "shifting")
"""States of a deployment that has not ended: asked for, serving beside the live version, getting copies, getting
its shares of the traffic."""

STATES = (*UNDER_WAY, "live", "failed", "rolled_back", "superseded")
"""A deployment ends `live`; `failed` before it had any traffic, `rolled_back` after; `superseded` by the next one."""


@dataclass(frozen=True)
class Deployment:
    """One attempt to put a version on a target, and what became of it."""

    id: str
    seq: int
    promotion: str | None
    """The promotion it carries out; `None` for a rollback."""
    pipeline: str
    project: str
    environment: str
    version: int
    digest: str
    target: str
    strategy: str
    state: str
    """One of `STATES`."""
    previous: str | None
    """The deployment that was live when this one started."""
    started_at: datetime
    started_by: str
    ended_at: datetime | None = None
    """When it stopped being live, or failed."""
    address: str = ""
    reason: str = ""
    succeeded_at: datetime | None = None
    """When it went live; `None` while it never did."""

    @property
    def live_since(self) -> datetime:
        """When it went live, or (while it has not) was started."""
        return self.succeeded_at or self.started_at


@dataclass(frozen=True)
class Step:
    """How far a deployment under way has come, and since when."""

    state: str
    share: int
    """Percent of the traffic."""
    at: datetime

    @property
    def place(self) -> tuple[int, int]:
        """Later steps have greater places."""
        return UNDER_WAY.index(self.state), self.share

    def __str__(self) -> str:
        return f"{self.state} {self.share} %" if self.share else self.state


def rollback_to(live: Deployment, history: Sequence[Deployment], version: int | None) -> Deployment | None:
    """The deployment to go back to: the newest one that was live before with another version (or exactly `version`).

    `history` is every deployment of the environment. One that failed or was itself rolled back is not gone back to
    unless its version is asked for by number.
    """
    served = [one for one in history if one.id != live.id and one.version != live.version]
    if version is None:
        candidates = [one for one in served if one.state == "superseded"]
    else:
        candidates = [one for one in served if one.version == version and one.state in ("superseded", "rolled_back")]
    return max(candidates, key=lambda one: one.started_at, default=None)
