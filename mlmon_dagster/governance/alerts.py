"""Alerts: the message about a failed check, open until somebody resolves it."""

from dataclasses import dataclass
from datetime import datetime

OPEN = ("open", "acknowledged")
"""States in which an alert still closes gates: knowing of a failure does not end it."""


@dataclass(frozen=True)
class Alert:
    """A failed check of a pipeline in an environment; at most one is open for each."""

    id: str
    seq: int
    pipeline: str
    project: str
    environment: str | None
    check: str
    state: str
    """`open`, `acknowledged` or `resolved`."""
    window: str | None
    """The window that failed last."""
    count: int
    """How many windows failed since it was opened."""
    reason: str
    raised_at: datetime
    acknowledged_by: str | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    note: str = ""
    """What was said when it was acknowledged or resolved."""
    undelivered: str = ""
    """Why it did not reach a channel; empty when it did."""
    severity: str = "warning"
    """`info`, `warning` or `critical`."""
    cause: str | None = None
    """The alert that was raised first for the same cause; it is resolved together with that one."""
    quiet: str = ""
    """Why nobody was woken: maintenance, a cooldown, the same cause; empty when it was sent."""
    opened_entry: int = 0
    """Number of the entry that reopened it, if one did."""

    @property
    def raised_by_entry(self) -> int:
        """Number of the entry that opened it last."""
        return self.opened_entry or int(self.id.rpartition("-")[2])

    @property
    def open(self) -> bool:
        """Whether it still closes gates."""
        return self.state in OPEN
