"""Repositories that pipelines come from, at a desk."""

from dataclasses import dataclass

from mlmon_dagster.errors import MissingError
from mlmon_dagster.governance.repositories import Repository
from mlmon_dagster.lifecycle import repositories as commands
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import CodeHost, RemoteRepository, Updated


@dataclass(frozen=True)
class Repositories:
    """Where pipeline files are owned and reviewed; for who holds a role in all projects."""

    _at: Standing

    def list(self) -> tuple[Repository, ...]:
        """Connected repositories, by name."""
        self._at.require("see")
        with self._at.governance.ledger.read() as reading:
            return tuple(sorted(commands.connected(reading).values(), key=lambda one: one.name))

    def reached(self) -> tuple[RemoteRepository, ...]:
        """Repositories that could be connected: those that this server's token reaches."""
        self._at.require("admin")
        return tuple(self._host().repositories())

    def connect(self, name: str, branch: str | None = None) -> Recorded[Repository]:
        """Listens to the repository's events and takes pipelines from its branch (its main branch by default)."""
        self._at.require("admin")
        found = self._host().repository(name)
        done = commands.connect_repository(
            self._at.governance, found.id, found.name, branch or found.branch, actor=self._at.actor
        )
        return self._at.recorded(done)

    def disconnect(self, name: str) -> Recorded[Repository]:
        """Listens to it no more; answers with what it was."""
        return self._at.recorded(commands.disconnect_repository(self._at.governance, name, actor=self._at.actor))

    def update(self, branch: str | None = None) -> Updated:
        """Brings the pipeline files of this server to the head of the branch, once they were found valid."""
        self._at.require("create")
        if self._at.premises.repository is None:
            raise MissingError(
                "the folder of pipeline files is no Git checkout here: it comes with the image, or by hand"
            )
        if branch is None:
            branches = {one.branch for one in self.list()} or {"main"}
            if len(branches) > 1:
                raise MissingError(unknown("branch", "", tuple(sorted(branches))), hint="name the branch")
            [branch] = branches
        return self._at.premises.repository.update(branch)

    def _host(self) -> CodeHost:
        if self._at.premises.host is None:
            raise MissingError(
                "no token for GitHub is declared", hint="MLMON_GITHUB_TOKEN=env:NAME or secretsmanager:ID"
            )
        return self._at.premises.host
