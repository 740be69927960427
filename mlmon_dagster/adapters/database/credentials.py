"""Accounts, tokens and sessions in a database: tables of their own, since secrets are no history to be replayed."""

from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Boolean, Column, Engine, Index, String, Table, Text, insert, select
from sqlalchemy.exc import IntegrityError

from mlmon_dagster.adapters.database.engine import connected
from mlmon_dagster.adapters.database.schema import Moment, Names, metadata
from mlmon_dagster.governance.access import Account, Linked, Session, Token, Used

R = TypeVar("R")

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("password", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("disabled", Boolean, nullable=False),
)

linked = Table(
    "linked_identities",
    metadata,
    Column("id", String(512), primary_key=True),
    Column("account", String(128), nullable=False),
    Column("label", Text, nullable=False),
    Column("linked_at", Moment, nullable=False),
    Index("linked_identities_account", "account"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("account", String(128), nullable=False),
    Column("label", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("scopes", Names, nullable=False),
    Column("issued_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("revoked_at", Moment),
    Index("tokens_account", "account"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("account", String(128), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("method", String(16), nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("confirmed_at", Moment, nullable=False),
    Index("sessions_account", "account"),
)

used = Table(
    "used_once",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("until", Moment, nullable=False),
    Column("value", Text, nullable=False),
    Index("used_once_until", "until"),
)

TABLES: dict[type[Any], Table] = {Account: accounts, Linked: linked, Token: tokens, Session: sessions, Used: used}


class DatabaseCredentials:
    """See `ports.Credentials`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def one(self, kind: type[R], id: str) -> R | None:
        return next(iter(self.find(kind, id=id)), None)

    def find(self, kind: type[R], **where: Any) -> tuple[R, ...]:
        table = TABLES[kind]
        query = select(*(table.c[field.name] for field in fields(kind)))  # type: ignore[arg-type]
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with connected(self._engine, writes=False) as connection:
            return tuple(kind(*row) for row in connection.execute(query))  # type: ignore[call-arg]

    def save(self, record: Any) -> None:
        table, values = TABLES[type(record)], _values(record)
        with connected(self._engine, writes=True) as connection:
            if connection.execute(table.update().where(table.c.id == record.id).values(**values)).rowcount == 0:
                connection.execute(insert(table).values(**values))

    def claim(self, record: Any) -> bool:
        table = TABLES[type(record)]
        try:
            with connected(self._engine, writes=True) as connection:
                connection.execute(insert(table).values(**_values(record)))
        except IntegrityError:
            return False
        return True

    def forget(self, now: datetime) -> None:
        with connected(self._engine, writes=True) as connection:
            connection.execute(used.delete().where(used.c.until < now))

    def remove(self, kind: type[Any], id: str) -> bool:
        table = TABLES[kind]
        with connected(self._engine, writes=True) as connection:
            return connection.execute(table.delete().where(table.c.id == id)).rowcount > 0


def _values(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}
