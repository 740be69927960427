"""Alerts at a desk."""

from dataclasses import dataclass

from mlmon_dagster.governance.alerts import OPEN, Alert
from mlmon_dagster.lifecycle import alerts as commands
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing, having


@dataclass(frozen=True)
class Alerts:
    """Messages about failed checks."""

    _at: Standing

    def list(
        self, pipeline: str | None = None, environment: str | None = None, state: str | None = None
    ) -> tuple[Alert, ...]:
        """Alerts, oldest first; the state `active` stands for those that close gates."""
        states = OPEN if state == "active" else state
        where = having(pipeline=pipeline, environment=environment, state=states)
        with self._at.governance.ledger.read() as reading:
            return self._at.seen(reading.find(Alert, **where))

    def get(self, id: str) -> Alert:
        """One alert; `MissingError` names the open ones."""
        return self._at.one(Alert, id, "alert", state=OPEN)

    def acknowledge(self, id: str, *, reason: str = "") -> Recorded[Alert]:
        """See `lifecycle.alerts.acknowledge_alert`."""
        self.get(id)
        found = commands.acknowledge_alert(self._at.governance, id, actor=self._at.actor, reason=reason)
        return self._at.recorded(found)

    def resolve(self, id: str, *, reason: str) -> Recorded[Alert]:
        """See `lifecycle.alerts.resolve_alert`."""
        self.get(id)
        found = commands.resolve_alert(self._at.governance, id, actor=self._at.actor, reason=reason)
        return self._at.recorded(found)
