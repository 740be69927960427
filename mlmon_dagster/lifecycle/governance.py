"""The ports that commands and queries work through, and the frame of every command."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mlmon_dagster.governance.audit import Entry, Sealed
from mlmon_dagster.governance.people import Person, names_of
from mlmon_dagster.governance.roles import Actor, Member, permit
from mlmon_dagster.governance.roles import actor as actor_of
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import Judgements, Ledger, Metrics, Reading, Transaction


@dataclass(frozen=True)
class Governance:
    """What commands and queries need: the audit log, verdicts, metrics and the clock."""

    ledger: Ledger
    judgements: Judgements
    metrics: Metrics
    now: Callable[[], datetime]


class Declaration(Protocol):
    """A pipeline as its file declares it, with the file's digest."""

    @property
    def pipeline(self) -> Pipeline: ...

    @property
    def digest(self) -> str: ...

    @property
    def git_commit(self) -> str:
        """The commit that changed the pipeline's folder last; empty where there is no repository."""
        ...

    @property
    def body(self) -> Mapping[str, Any]:
        """What the file declares, plain; variables as they are written."""
        ...


@dataclass(frozen=True)
class Act:
    """One command being carried out: in which transaction, by whom, under which role, when."""

    books: Transaction
    actor: Actor
    role: str
    at: datetime

    def append(
        self,
        action: str,
        subject: str,
        data: Mapping[str, Any],
        *,
        project: str,
        pipeline: str | None = None,
        environment: str | None = None,
    ) -> Sealed:
        """Records what the actor did; the entry is chained when this returns and kept when the command ends."""
        seq = self.books.next_seq
        return self.books.append(
            Entry(seq, self.at, self.actor.name, self.role, action, project, pipeline, environment, subject, data)
        )


@contextmanager
def acting(governance: Governance, actor: str, permission: str, project: str) -> Iterator[Act]:
    """A command's transaction, entered only by who has the permission (`DeniedError`); nothing is kept on an error."""
    with governance.ledger.transaction() as books:
        who = known_actor(books, actor)
        yield Act(books, who, permit(who, permission, project), governance.now())


def known_actor(books: Reading, name: str) -> Actor:
    """The person or machine called `name` with the roles it holds."""
    return actor_of(name, books.find(Member, name=name))


def known_names(books: Reading) -> dict[str, str]:
    """Name -> the name that stands for the person, where they differ."""
    return names_of(books.find(Person))
