"""Pipelines and their locks at a desk."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mlmon_dagster.errors import BlockedError, ChangedError, InputError, MissingError
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.pipelines import PipelineVersion, recordable
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.governance.proposals import Proposal
from mlmon_dagster.lifecycle import locks as commands
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing
from mlmon_dagster.lifecycle.governance import Declaration
from mlmon_dagster.lifecycle.proposals import proposals, propose_pipeline
from mlmon_dagster.lifecycle.repositories import connected
from mlmon_dagster.pipeline.rules import AlertRule
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.versions import Change, changes
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import ProposedChange


@dataclass(frozen=True)
class PipelineSummary:
    """A declared pipeline in a list."""

    name: str
    project: str
    owner: str
    digest: str
    """Of the version that is declared now."""
    windows: str
    environments: tuple[str, ...]
    locked: tuple[str, ...]
    """Stages that are locked now."""


@dataclass(frozen=True)
class PipelinePage:
    """A declared pipeline with everything its file says."""

    name: str
    project: str
    owner: str
    digest: str
    windows: str
    environments: tuple[str, ...]
    locks: tuple[Lock, ...]
    changed_locks: tuple[str, ...]
    """Locked stages whose declaration is no longer the one that was locked."""
    body: dict[str, Any]
    """What the file declares; variables as they are written."""


@dataclass(frozen=True)
class Pipelines:
    """What is declared."""

    _at: Standing

    def list(self, project: str | None = None) -> tuple[PipelineSummary, ...]:
        """Declared pipelines by name."""
        found = [one for one in self._at.premises.pipelines().values() if self._at.sees(one.pipeline.project)]
        with self._at.governance.ledger.read() as reading:
            locks = reading.find(Lock)
        locked = {one.pipeline.name: _locked(one, locks) for one in found}
        chosen = (one for one in found if project in (None, one.pipeline.project))
        return tuple(_summary(one, locked[one.pipeline.name]) for one in chosen)

    def get(self, name: str) -> PipelinePage:
        """One pipeline; `MissingError` names the declared ones."""
        declared = self._at.declared(name)
        pipeline = declared.pipeline
        changed = commands.changed_locks(self._at.governance, pipeline)
        return PipelinePage(
            pipeline.name,
            pipeline.project,
            pipeline.owner,
            declared.digest,
            str(pipeline.windows.every),
            pipeline.environments,
            self.locks(name),
            tuple(lock.stage for lock in changed),
            dict(getattr(declared, "body", {})),
        )

    def propose(
        self, text: str, *, name: str | None = None, reason: str = "", seen: str | None = None
    ) -> Recorded[Proposal]:
        """Puts a pipeline file on a branch to be reviewed and merged, see `lifecycle.proposals.propose_pipeline`.

        With a `name` the file has to declare that pipeline, with `seen` (a digest) only if it is still declared so.
        """
        repository, content = self._at.premises.repository, text.encode()
        if repository is None:
            raise MissingError("the folder of pipeline files is no Git checkout here: there is nothing to propose to")
        draft = repository.parse(content)
        known = self._at.premises.pipelines().get(draft.pipeline.name)
        if name is not None:
            present = self._at.declared(name)
            if draft.pipeline.name != name:
                raise InputError(f"the file declares {draft.pipeline.name}, not {name}")
            if seen is not None and seen != present.digest:
                raise ChangedError(f"the pipeline {name} was changed since it was seen", hint="read it again")
        elif known is not None:
            raise BlockedError(
                f"there is a pipeline {draft.pipeline.name} already", hint="change it: PUT", code="EXISTS"
            )
        if known is not None:
            self._at.require("create", known.pipeline.project)
        review = partial(self._review, draft.pipeline, reason)
        found = propose_pipeline(
            self._at.governance, repository, draft, content, actor=self._at.actor, reason=reason, review=review
        )
        return self._at.recorded(found)

    def proposals(self, name: str) -> tuple[Proposal, ...]:
        """What was proposed for it, oldest first."""
        self._at.declared(name)
        return proposals(self._at.governance, name)

    def _review(self, pipeline: Pipeline, reason: str, change: ProposedChange) -> str:
        """Opens a pull request where the pipeline's repository is connected; where is none, people merge the branch."""
        host = self._at.premises.host
        with self._at.governance.ledger.read() as reading:
            there = connected(reading).values()
        found = [one for one in there if one.called(pipeline.stages.cicd_enforcement.repository)]
        if host is None or not found or not change.pushed:
            return ""
        said = f"{reason}\n\nProposed by {self._at.actor} through mlmon.".strip()
        return host.open_pull_request(
            found[0].name, change.branch, found[0].branch, f"Declare {pipeline.name} anew", said
        )

    def versions(self, name: str) -> tuple[PipelineVersion, ...]:
        """Versions that governance has seen, oldest first."""
        self._at.declared(name)
        with self._at.governance.ledger.read() as reading:
            return tuple(sorted(reading.find(PipelineVersion, pipeline=name), key=lambda one: one.declared_at))

    def diff(self, name: str, before: str | None = None, after: str | None = None) -> tuple[Change, ...]:
        """What changed between two versions, by (the beginning of) their digests.

        By default from the version that was live in prod, or seen last, to the one that is declared now.
        """
        declared = self._at.declared(name)
        seen = {one.digest: one.body for one in self.versions(name)}
        present = {**seen, declared.digest: recordable(declared.body)}
        old = self._deployed(name, seen) if before is None else _named(present, before)
        new = declared.digest if after is None else _named(present, after)
        return changes(present.get(old, {}), present[new])

    def rules(self, name: str) -> Mapping[str, AlertRule]:
        """Alert rules that apply to its metrics, by name."""
        return self._at.declared(name).pipeline.stages.model_monitoring.alert_rules

    def _deployed(self, name: str, seen: Mapping[str, Any]) -> str:
        with self._at.governance.ledger.read() as reading:
            for one in reading.find(Deployment, pipeline=name, environment="prod", state="live"):
                asked = reading.one(Promotion, one.promotion) if one.promotion else None
                if asked is not None and asked.pipeline_digest in seen:
                    return asked.pipeline_digest
        return (*seen, "")[len(seen) - 1] if seen else ""

    def locks(self, name: str) -> tuple[Lock, ...]:
        """Locks of its stages."""
        self._at.declared(name)
        with self._at.governance.ledger.read() as reading:
            return reading.find(Lock, pipeline=name)

    def lock(self, name: str, stage: str, *, reason: str = "") -> Recorded[Lock]:
        """See `lifecycle.locks.set_lock`."""
        pipeline = self._at.declared(name).pipeline
        found = commands.set_lock(self._at.governance, pipeline, stage, actor=self._at.actor, reason=reason)
        return self._at.recorded(found)

    def unlock(self, name: str, stage: str, *, reason: str) -> Recorded[Lock]:
        """See `lifecycle.locks.release_lock`."""
        pipeline = self._at.declared(name).pipeline
        found = commands.release_lock(self._at.governance, pipeline, stage, actor=self._at.actor, reason=reason)
        return self._at.recorded(found)


def _named(versions: Mapping[str, Any], digest: str) -> str:
    found = [one for one in versions if one.startswith(digest)]
    if len(found) != 1:
        raise MissingError(unknown("version", digest, tuple(one[:12] for one in versions)))
    return found[0]


def _locked(declared: Declaration, locks: tuple[Lock, ...]) -> tuple[str, ...]:
    return tuple(lock.stage for lock in locks if lock.pipeline == declared.pipeline.name)


def _summary(declared: Declaration, locked: tuple[str, ...]) -> PipelineSummary:
    one = declared.pipeline
    return PipelineSummary(
        one.name, one.project, one.owner, declared.digest, str(one.windows.every), one.environments, locked
    )
