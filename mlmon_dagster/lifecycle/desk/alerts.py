"""Alerts at a desk."""

from dataclasses import dataclass
from datetime import timedelta

from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.governance.alerts import OPEN, Alert
from mlmon_dagster.governance.maintenance import Maintenance
from mlmon_dagster.lifecycle import alerts as commands
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing, having
from mlmon_dagster.plugins import unknown


@dataclass(frozen=True)
class Alerts:
    """Messages about failed checks."""

    _at: Standing

    def list(
        self,
        pipeline: str | None = None,
        environment: str | None = None,
        state: str | None = None,
        *,
        newest: int | None = None,
        before: str | None = None,
    ) -> tuple[Alert, ...]:
        """Alerts (if given the `newest`, of those before `before`), oldest first.

        The state `active` stands for those that close gates.
        """
        states = OPEN if state == "active" else state
        return self._at.newest(Alert, newest, before, pipeline=pipeline, environment=environment, state=states)

    def get(self, id: str) -> Alert:
        """One alert; `MissingError` names the open ones."""
        return self._at.one(Alert, id, "alert", state=OPEN)

    def raise_(
        self, pipeline: str, check: str, environment: str | None = None, window: str | None = None, *, reason: str
    ) -> Recorded[Alert]:
        """Tells what a monitor outside found; see `lifecycle.alerts.raise_alert`."""
        declared = self._at.declared(pipeline).pipeline
        if environment is not None and environment not in declared.environments:
            raise MissingError(unknown(f"environment of {pipeline}", environment, declared.environments))
        found = commands.raise_alert(
            self._at.governance, declared, environment, check, window=window, reason=reason, actor=self._at.actor
        )
        return self._at.recorded(found)

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

    def reopen(self, id: str, *, reason: str) -> Recorded[Alert]:
        """See `lifecycle.alerts.reopen_alert`."""
        self.get(id)
        found = commands.reopen_alert(self._at.governance, id, actor=self._at.actor, reason=reason)
        return self._at.recorded(found)

    def maintenance(self, pipeline: str | None = None) -> tuple[Maintenance, ...]:
        """Times of maintenance, oldest first."""
        with self._at.governance.ledger.read() as reading:
            return self._at.seen(reading.find(Maintenance, **having(pipeline=pipeline)))

    def silence(
        self, pipeline: str, environment: str | None = None, *, hours: int, reason: str
    ) -> Recorded[Maintenance]:
        """See `lifecycle.alerts.plan_maintenance`; from now on, for so many hours."""
        declared, governance = self._at.declared(pipeline).pipeline, self._at.governance
        if not 1 <= hours <= 720:
            raise InputError(f"maintenance lasts 1 to 720 hours, got {hours}")
        until = governance.now() + timedelta(hours=hours)
        found = commands.plan_maintenance(
            governance, declared, environment, until=until, reason=reason, actor=self._at.actor
        )
        return self._at.recorded(found)
