"""Pipelines and their locks at a server."""

from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection, read
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.pipelines import PipelinePage, PipelineSummary


@dataclass(frozen=True)
class Pipelines:
    """See `lifecycle.desk.pipelines.Pipelines`."""

    _at: Connection

    def list(self, project: str | None = None) -> tuple[PipelineSummary, ...]:
        """Declared pipelines by name."""
        return tuple(read(PipelineSummary, one) for one in self._at.pages("/api/pipelines", project=project))

    def get(self, name: str) -> PipelinePage:
        """One pipeline."""
        return self._at.one(PipelinePage, f"/api/pipelines/{name}")

    def locks(self, name: str) -> tuple[Lock, ...]:
        """Locks of its stages."""
        return tuple(read(Lock, one) for one in self._at.get(f"/api/pipelines/{name}/locks"))

    def lock(self, name: str, stage: str, *, reason: str = "") -> Recorded[Lock]:
        """Holds a stage to its declaration."""
        return self._at.change(Lock, f"/api/pipelines/{name}/lock", {"stage": stage, "reason": reason})

    def unlock(self, name: str, stage: str, *, reason: str) -> Recorded[Lock]:
        """Lets a stage's declaration change."""
        return self._at.change(Lock, f"/api/pipelines/{name}/unlock", {"stage": stage, "reason": reason})
