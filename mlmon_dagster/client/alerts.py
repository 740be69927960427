"""Alerts at a server."""

from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.maintenance import Maintenance
from mlmon_dagster.lifecycle.desk.answers import Recorded


@dataclass(frozen=True)
class Alerts:
    """See `lifecycle.desk.alerts.Alerts`."""

    _at: Connection

    def list(
        self, pipeline: str | None = None, environment: str | None = None, state: str | None = None
    ) -> tuple[Alert, ...]:
        """Alerts, oldest first; the state `active` stands for those that close gates."""
        return self._at.items(Alert, "/api/alerts", pipeline=pipeline, environment=environment, state=state)

    def get(self, id: str) -> Alert:
        """One alert."""
        return self._at.one(Alert, f"/api/alerts/{id}")

    def raise_(
        self, pipeline: str, check: str, environment: str | None = None, window: str | None = None, *, reason: str
    ) -> Recorded[Alert]:
        """Tells what a monitor outside found."""
        where = {"pipeline": pipeline, "environment": environment, "window": window}
        return self._at.change(Alert, "/api/alerts", {**where, "check": check, "reason": reason})

    def acknowledge(self, id: str, *, reason: str = "") -> Recorded[Alert]:
        """Somebody looks after it."""
        return self._at.change(Alert, f"/api/alerts/{id}/acknowledge", {"reason": reason})

    def resolve(self, id: str, *, reason: str) -> Recorded[Alert]:
        """What it told of is over."""
        return self._at.change(Alert, f"/api/alerts/{id}/resolve", {"reason": reason})

    def reopen(self, id: str, *, reason: str) -> Recorded[Alert]:
        """It was not over after all."""
        return self._at.change(Alert, f"/api/alerts/{id}/reopen", {"reason": reason})

    def maintenance(self, pipeline: str | None = None) -> tuple[Maintenance, ...]:
        """Times of maintenance, oldest first."""
        return self._at.items(Maintenance, "/api/maintenance", pipeline=pipeline)

    def silence(
        self, pipeline: str, environment: str | None = None, *, hours: int, reason: str
    ) -> Recorded[Maintenance]:
        """Alerts of the pipeline wake nobody for so many hours."""
        body = {"pipeline": pipeline, "environment": environment, "hours": hours, "reason": reason}
        return self._at.change(Maintenance, "/api/maintenance", body)
