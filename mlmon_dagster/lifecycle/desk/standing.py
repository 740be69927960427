"""The premises on which desks stand, and in whose name, with which sight, one works there."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from mlmon_dagster.errors import MissingError
from mlmon_dagster.governance.gates import GateVerdict
from mlmon_dagster.governance.roles import ANYWHERE, Actor, permit
from mlmon_dagster.lifecycle.checkpoints import Notary
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.governance import Declaration, Governance, known_actor
from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.lifecycle.queries import receipt
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import CodeHost, ModelRegistry, PipelineRepository

R = TypeVar("R")


@dataclass(frozen=True)
class Premises:
    """Governance, the declared pipelines as they are now, and the process's settings."""

    governance: Governance
    pipelines: Callable[[], Mapping[str, Declaration]]
    settings: Any
    notary: Notary | None = None
    """Signs the log; without one nothing is proven."""
    registry: Callable[[], ModelRegistry] | None = None
    """Opens the model registry; without one nothing is registered from here."""
    repository: PipelineRepository | None = None
    """The Git checkout of the pipeline files; without one they are not changed from here."""
    host: CodeHost | None = None
    """Where repositories are reviewed."""
    outputs: Callable[[], Outputs] | None = None
    """Opens the object store with what stages wrote, and with reports."""
    page: Callable[..., str] | None = None
    """Draws a compliance report, see `lifecycle.reports.Page`."""


@dataclass(frozen=True)
class Standing:
    """In whose name one works, and what one sees.

    Who is `confined` sees the projects in which the actor holds a role, and of others not even that they are there:
    their objects raise `MissingError`, as unknown ones do. Who is not can read the database anyway.
    """

    premises: Premises
    actor: str
    confined: bool = True
    fresh: bool = True
    """Whether the actor was recognised a moment ago, as consenting to prod takes."""

    @property
    def governance(self) -> Governance:
        """Where commands are recorded."""
        return self.premises.governance

    @cached_property
    def who(self) -> Actor:
        """The actor with the roles that it holds now."""
        with self.governance.ledger.read() as reading:
            return known_actor(reading, self.actor)

    def sees(self, project: str | None) -> bool:
        """Whether what belongs to the project is visible; what belongs to none is to who holds a role everywhere."""
        return not self.confined or bool(self.who.roles(project or ANYWHERE))

    @property
    def projects(self) -> tuple[str, ...] | None:
        """The projects that are visible; `None` when all are."""
        if self.sees(None):
            return None
        return tuple(sorted({project for _, project in self.who.grants}))

    def newest(self, kind: type[R], count: int | None, before: str | None = None, **where: Any) -> tuple[R, ...]:
        """The newest visible records whose fields equal what was given of `where`, oldest first; `None` for all.

        `before` names one that was seen already.
        """
        chosen = having(project=self.projects, **where)
        with self.governance.ledger.read() as reading:
            if count is None:
                return reading.find(kind, **chosen)
            return reading.newest(kind, count, before=before, **chosen)[::-1]

    def seen(self, records: Iterable[R]) -> tuple[R, ...]:
        """Those of the records whose project is visible."""
        return tuple(record for record in records if self.sees(record.project))  # type: ignore[attr-defined]

    def require(self, permission: str, project: str = ANYWHERE) -> None:
        """Raises `DeniedError` when a confined actor lacks the permission."""
        if self.confined:
            permit(self.who, permission, project)

    def one(self, kind: type[R], id: str, noun: str, **known: Any) -> R:
        """The visible record `id`; `MissingError` names the visible ones whose fields equal `known`."""
        with self.governance.ledger.read() as reading:
            found = reading.one(kind, id)
            if found is not None and self.sees(found.project):  # type: ignore[attr-defined]
                return found
            others = self.seen(reading.find(kind, **known))
        raise MissingError(unknown(noun, id, tuple(one.id for one in others)))  # type: ignore[attr-defined]

    def declared(self, name: str) -> Declaration:
        """The visible pipeline of that name; `MissingError` names the visible ones."""
        found = self.premises.pipelines()
        if name in found and self.sees(found[name].pipeline.project):
            return found[name]
        known = tuple(one for one, declared in found.items() if self.sees(declared.pipeline.project))
        hint = (
            None if self.confined else f"pipelines are read from {self.premises.settings.pipelines} (MLMON_PIPELINES)"
        )
        raise MissingError(unknown("pipeline", name, known), hint=hint)

    def recorded(self, record: R, gate: GateVerdict | None = None) -> Recorded[R]:
        """The record with the receipt of the entry that changed it last."""
        return Recorded(record, receipt(self.governance, record.seq), gate)  # type: ignore[attr-defined]


def having(**where: Any) -> dict[str, Any]:
    """The conditions that were given: those that are not `None`."""
    return {name: value for name, value in where.items() if value is not None}
