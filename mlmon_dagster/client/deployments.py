"""Deployments at a server."""

from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection
from mlmon_dagster.errors import BlockedError
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.ports import Traffic


@dataclass(frozen=True)
class Deployments:
    """See `lifecycle.desk.deployments.Deployments`."""

    _at: Connection

    def list(
        self, pipeline: str | None = None, environment: str | None = None, state: str | None = None
    ) -> tuple[Deployment, ...]:
        """Deployments, oldest first."""
        path = "/api/deployments"
        return self._at.items(Deployment, path, pipeline=pipeline, environment=environment, state=state)

    def get(self, id: str) -> Deployment:
        """One deployment."""
        return self._at.one(Deployment, f"/api/deployments/{id}")

    def health(self, id: str) -> str:
        """What its target says now."""
        return str(self._at.get(f"/api/deployments/{id}/health")["status"])

    def traffic(self, id: str) -> tuple[Traffic, ...]:
        """What its target runs in its environment now."""
        return tuple(Traffic(**one) for one in self._at.get(f"/api/deployments/{id}/traffic")["versions"])

    def roll_back_from(self, id: str, version: int | None = None, *, reason: str) -> Recorded[Deployment]:
        """Rolls back the deployment that is live."""
        body = {"reason": reason, "version": version}
        return self._at.change(Deployment, f"/api/deployments/{id}/rollback", body)

    def roll_back(
        self, pipeline: str, environment: str, version: int | None = None, *, reason: str
    ) -> Recorded[Deployment]:
        """Puts the version that was live before (or `version`) back."""
        for live in self.list(pipeline, environment, "live"):
            return self.roll_back_from(live.id, version, reason=reason)
        raise BlockedError(f"nothing of {pipeline} is live in {environment}: there is nothing to roll back")
