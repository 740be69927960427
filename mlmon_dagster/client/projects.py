"""Projects at a server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection, read
from mlmon_dagster.governance.projects import Project
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.settings import ENVIRONMENTS


@dataclass(frozen=True)
class Projects:
    """See `lifecycle.desk.projects.Projects`."""

    _at: Connection

    def list(self) -> tuple[Project, ...]:
        """Saved projects, by name."""
        return tuple(read(Project, one) for one in self._at.pages("/api/projects"))

    def get(self, name: str) -> Project:
        """One project."""
        return self._at.one(Project, f"/api/projects/{name}")

    def save(
        self,
        name: str,
        *,
        description: str = "",
        environments: Sequence[str] = ENVIRONMENTS,
        settings: Mapping[str, str] | None = None,
    ) -> Recorded[Project]:
        """Makes the project or changes it."""
        body = {"description": description, "environments": list(environments), "settings": dict(settings or {})}
        return self._at.change(Project, "/api/projects", {"name": name, **body})

    def archive(self, name: str, *, reason: str) -> Recorded[Project]:
        """Nothing is promoted in it any more."""
        return self._at.change(Project, f"/api/projects/{name}/archive", {"reason": reason})

    def restore(self, name: str, *, reason: str) -> Recorded[Project]:
        """Takes it up again."""
        return self._at.change(Project, f"/api/projects/{name}/restore", {"reason": reason})
