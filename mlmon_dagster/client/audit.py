"""The audit log at a server."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from mlmon_dagster.client.connection import Connection
from mlmon_dagster.governance.audit import Sealed
from mlmon_dagster.lifecycle.desk.audit import Verification


@dataclass(frozen=True)
class Audit:
    """See `lifecycle.desk.audit.Audit`."""

    _at: Connection

    def list(
        self,
        pipeline: str | None = None,
        action: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        *,
        newest: int = 50,
    ) -> tuple[Sealed, ...]:
        """The newest entries, oldest first."""
        found = self._at.pages("/api/audit-logs", pipeline=pipeline, action=action, actor=actor, subject=subject)
        return tuple(reversed([_sealed(one) for one in islice(found, newest)]))

    def get(self, seq: int) -> Sealed:
        """One entry."""
        return _sealed(self._at.get(f"/api/audit-logs/{seq}"))

    def prove(self, seq: int) -> dict[str, Any]:
        """The document that shows anybody that the entry is in the signed log."""
        return dict(self._at.get(f"/api/audit-logs/{seq}/proof"))

    def verify(self) -> Verification:
        """Lets the server walk its whole log."""
        return self._at.one(Verification, "/api/audit-logs/verify")


def _sealed(document: Mapping[str, Any]) -> Sealed:
    return Sealed(int(document["seq"]), document["payload"].encode(), document["leaf"], document["hash"])
