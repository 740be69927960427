"""Projects at a desk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlmon_dagster.governance.projects import Project
from mlmon_dagster.lifecycle import projects as commands
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing
from mlmon_dagster.settings import ENVIRONMENTS


@dataclass(frozen=True)
class Projects:
    """Groups of pipelines."""

    _at: Standing

    def list(self) -> tuple[Project, ...]:
        """Saved projects that are visible, by name."""
        with self._at.governance.ledger.read() as reading:
            found = reading.find(Project)
        return tuple(sorted((one for one in found if self._at.sees(one.id)), key=lambda one: one.id))

    def get(self, name: str) -> Project:
        """One project; `MissingError` names the visible ones."""
        return commands.known_project({one.id: one for one in self.list()}, name)

    def save(
        self,
        name: str,
        *,
        description: str = "",
        environments: Sequence[str] = ENVIRONMENTS,
        settings: Mapping[str, str] | None = None,
        seen: int | None = None,
    ) -> Recorded[Project]:
        """See `lifecycle.projects.save_project`."""
        found = commands.save_project(
            self._at.governance,
            name,
            actor=self._at.actor,
            description=description,
            environments=environments,
            settings=settings,
            seen=seen,
        )
        return self._at.recorded(found)

    def archive(self, name: str, *, reason: str, seen: int | None = None) -> Recorded[Project]:
        """See `lifecycle.projects.archive_project`."""
        self.get(name)
        found = commands.archive_project(self._at.governance, name, actor=self._at.actor, reason=reason, seen=seen)
        return self._at.recorded(found)

    def restore(self, name: str, *, reason: str) -> Recorded[Project]:
        """See `lifecycle.projects.restore_project`."""
        self.get(name)
        found = commands.restore_project(self._at.governance, name, actor=self._at.actor, reason=reason)
        return self._at.recorded(found)
