"""Promotions at a server."""

from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection, read
from mlmon_dagster.governance.gates import GateVerdict
from mlmon_dagster.governance.overrides import Override
from mlmon_dagster.governance.promotions import Approval, Promotion
from mlmon_dagster.lifecycle.desk.answers import Recorded


@dataclass(frozen=True)
class Promotions:
    """See `lifecycle.desk.promotions.Promotions`."""

    _at: Connection

    def list(
        self, pipeline: str | None = None, environment: str | None = None, state: str | None = None
    ) -> tuple[Promotion, ...]:
        """Promotions, oldest first."""
        path = "/api/promotions"
        return self._at.items(Promotion, path, pipeline=pipeline, environment=environment, state=state)

    def get(self, id: str) -> Promotion:
        """One promotion."""
        return self._at.one(Promotion, f"/api/promotions/{id}")

    def approvals(self, id: str) -> tuple[Approval, ...]:
        """Every approval that was given to it."""
        return tuple(read(Approval, one) for one in self._at.get(f"/api/promotions/{id}/approvals"))

    def gate(self, id: str) -> GateVerdict:
        """What its gate says now."""
        return self._at.one(GateVerdict, f"/api/promotions/{id}/gate")

    def request(
        self, pipeline: str, environment: str, version: int | None = None, *, reason: str = "", key: str = ""
    ) -> Recorded[Promotion]:
        """Asks to take a version into an environment; with a key once, whatever becomes of it."""
        body = {"pipeline": pipeline, "environment": environment, "version": version, "reason": reason, "key": key}
        return self._at.change(Promotion, "/api/promotions", body)

    def approve(self, id: str, *, reason: str = "") -> Recorded[Promotion]:
        """Consents to it, in a session."""
        return self._at.change(Promotion, f"/api/promotions/{id}/approve", {"reason": reason}, approving=True)

    def reject(self, id: str, *, reason: str) -> Recorded[Promotion]:
        """Ends it while it is pending."""
        return self._at.change(Promotion, f"/api/promotions/{id}/reject", {"reason": reason})

    def override(self, id: str, *, reason: str) -> Recorded[Override]:
        """Holds its gate open for an hour, once two admins want it; in a session."""
        return self._at.change(Override, f"/api/promotions/{id}/override", {"reason": reason}, approving=True)
