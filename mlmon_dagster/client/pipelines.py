"""Pipelines and their locks at a server."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection, read, recorded
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.pipelines import PipelineVersion
from mlmon_dagster.governance.proposals import Proposal
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.pipelines import PipelinePage, PipelineSummary
from mlmon_dagster.pipeline.rules import AlertRule
from mlmon_dagster.pipeline.versions import Change


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

    def propose(
        self, text: str, *, name: str | None = None, reason: str = "", seen: str | None = None
    ) -> Recorded[Proposal]:
        """Puts a pipeline file on a branch to be reviewed and merged."""
        body = {"text": text, "reason": reason}
        if name is None:
            return self._at.change(Proposal, "/api/pipelines", body)
        return recorded(Proposal, self._at.put(f"/api/pipelines/{name}", body, tag=f'"{seen}"' if seen else "*"))

    def proposals(self, name: str) -> tuple[Proposal, ...]:
        """What was proposed for it, oldest first."""
        found = self._at.get(f"/api/pipelines/{name}/proposals")
        return tuple(reversed([read(Proposal, one) for one in found]))

    def versions(self, name: str) -> tuple[PipelineVersion, ...]:
        """Versions that governance has seen, oldest first."""
        found = self._at.get(f"/api/pipelines/{name}/versions")
        return tuple(reversed([read(PipelineVersion, one) for one in found]))

    def diff(self, name: str, before: str | None = None, after: str | None = None) -> tuple[Change, ...]:
        """What changed between two versions."""
        found = self._at.get(f"/api/pipelines/{name}/diff", before=before, after=after)
        return tuple(Change(one["path"], one["before"], one["after"]) for one in found)

    def rules(self, name: str) -> Mapping[str, AlertRule]:
        """Alert rules that apply to its metrics, by name."""
        return {rule: AlertRule(**one) for rule, one in self._at.get(f"/api/pipelines/{name}/rules").items()}

    def locks(self, name: str) -> tuple[Lock, ...]:
        """Locks of its stages."""
        return tuple(read(Lock, one) for one in self._at.get(f"/api/pipelines/{name}/locks"))

    def lock(self, name: str, stage: str, *, reason: str = "") -> Recorded[Lock]:
        """Holds a stage to its declaration."""
        return self._at.change(Lock, f"/api/pipelines/{name}/lock", {"stage": stage, "reason": reason})

    def unlock(self, name: str, stage: str, *, reason: str) -> Recorded[Lock]:
        """Lets a stage's declaration change."""
        return self._at.change(Lock, f"/api/pipelines/{name}/unlock", {"stage": stage, "reason": reason})
