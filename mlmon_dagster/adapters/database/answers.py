"""Answers that were given to requests with a key, so that a repeated request gets the same one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Engine, Index, Integer, LargeBinary, String, Table, insert, select
from sqlalchemy.exc import IntegrityError

from mlmon_dagster.adapters.database.engine import connected
from mlmon_dagster.adapters.database.schema import Moment, metadata

KEPT = timedelta(days=1)
ABANDONED = timedelta(minutes=5)
"""After this a request that was never answered is taken to have died with its process."""

answers = Table(
    "answers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("asked", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    Index("answers_at", "at"),
)


@dataclass(frozen=True)
class Answer:
    """A request that came before: its digest, and what was answered (`status` 0: not yet)."""

    asked: str
    status: int
    body: bytes


class DatabaseAnswers:
    """Answers by the digest of caller and key."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, id: str, asked: str, now: datetime) -> Answer | None:
        """`None` for the first that asks; else what the first one asked and got."""
        try:
            with connected(self._engine, writes=True) as connection:
                connection.execute(answers.delete().where(answers.c.at < now - KEPT))
                stuck = (answers.c.id == id) & (answers.c.status == 0) & (answers.c.at < now - ABANDONED)
                connection.execute(answers.delete().where(stuck))
                connection.execute(insert(answers).values(id=id, asked=asked, status=0, body=b"", at=now))
        except IntegrityError:
            with connected(self._engine, writes=False) as connection:
                row = connection.execute(select(answers).where(answers.c.id == id)).one_or_none()
            return Answer(row.asked, row.status, bytes(row.body)) if row else self.claim(id, asked, now)
        return None

    def keep(self, id: str, status: int, body: bytes) -> None:
        """The answer to who claimed."""
        with connected(self._engine, writes=True) as connection:
            connection.execute(answers.update().where(answers.c.id == id).values(status=status, body=body))

    def forget(self, id: str) -> None:
        """Nothing was done: the next one is the first again."""
        with connected(self._engine, writes=True) as connection:
            connection.execute(answers.delete().where(answers.c.id == id))
