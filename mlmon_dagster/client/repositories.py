"""Repositories that pipelines come from, at a server."""

from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection, read
from mlmon_dagster.governance.repositories import Repository
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.ports import RemoteRepository, Updated


@dataclass(frozen=True)
class Repositories:
    """See `lifecycle.desk.repositories.Repositories`."""

    _at: Connection

    def list(self) -> tuple[Repository, ...]:
        """Connected repositories, by name."""
        return tuple(read(Repository, one) for one in self._at.get("/api/integrations/github"))

    def reached(self) -> tuple[RemoteRepository, ...]:
        """Repositories that the server's token reaches."""
        found = self._at.get("/api/integrations/github/repos")
        return tuple(RemoteRepository(one["id"], one["name"], one["branch"]) for one in found)

    def connect(self, name: str, branch: str | None = None) -> Recorded[Repository]:
        """Listens to the repository's events and takes pipelines from its branch."""
        return self._at.change(Repository, "/api/integrations/github/connect", {"repository": name, "branch": branch})

    def disconnect(self, name: str) -> Recorded[Repository]:
        """Listens to it no more."""
        return self._at.change(Repository, "/api/integrations/github/disconnect", {"repository": name})

    def update(self, branch: str | None = None) -> Updated:
        """Brings the server's pipeline files to the head of the branch."""
        return read(Updated, self._at.post("/api/integrations/github/sync", {"branch": branch}))
