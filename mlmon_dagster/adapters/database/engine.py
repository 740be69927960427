"""The engine of a database, set up so that what is committed is on disk, and failures in words for a person."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)

from mlmon_dagster.adapters.database.mounts import refuse_network
from mlmon_dagster.adapters.database.turns import turn
from mlmon_dagster.errors import DeniedError, InputError, MlmonError, UnavailableError

BUSY_TIMEOUT_MS = 30_000
"""How long a command waits for the commands of other processes on SQLite."""

CONNECT_TIMEOUT_SECONDS = 5


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg2://...`; nothing is connected yet.

    The folder of a SQLite file is made. Raises `InputError` for a URL or folder that cannot serve.
    """
    try:
        parsed = make_url(url)
        dialect = parsed.get_backend_name()
        if "@" in (parsed.host or ""):
            raise InputError("MLMON_DATABASE_URL has an @ too many", hint="an @ of the password is written %40")
        if dialect == "postgresql":
            return _postgres(parsed)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise InputError("MLMON_DATABASE_URL is not the URL of a database this can use", hint=EXAMPLES) from error
    if dialect != "sqlite":
        raise InputError(f"MLMON_DATABASE_URL names the database {dialect!r}", hint=EXAMPLES)
    return _sqlite(parsed.database, url)


EXAMPLES = "for example sqlite:///.mlmon/mlmon.db or postgresql://user@host/name"


def _postgres(url: URL) -> Engine:
    timeout = {"connect_timeout": CONNECT_TIMEOUT_SECONDS}
    return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED", connect_args=timeout)


def _sqlite(path: str | None, url: str) -> Engine:
    if not path or path == ":memory:":
        raise InputError("the audit log cannot be kept in memory; MLMON_DATABASE_URL must name a file", hint=EXAMPLES)
    refuse_network(Path(path))
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder of the database, {Path(path).parent}: {error.strerror}") from error
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    """SQLAlchemy's own recipe: the driver must not begin transactions by itself, `_begin` does."""
    connection.isolation_level = None
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """A command takes SQLite's write lock at once: what it reads stays true until it writes."""
    mode = "IMMEDIATE" if connection.get_execution_options().get("writes") else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {mode}")


@contextmanager
def connected(engine: Engine, *, writes: bool) -> Iterator[Connection]:
    """A connection in a transaction that commits at the end; the database's own failures become ours.

    One that only reads sees one state of the database throughout; one that writes sees what was committed before it.
    """
    steady = {} if writes or engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with (
        translated(engine),
        turn(engine) if writes else nullcontext(),
        engine.connect().execution_options(writes=writes, **steady) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """The database's own failures as ours."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise explained(error, engine) from error
    except DatabaseError as error:
        if getattr(error.orig, "pgcode", None) == FORBIDDEN:
            raise _forbidden(error, engine) from error
        if type(error) is not DatabaseError:
            raise
        raise explained(error, engine) from error


FORBIDDEN = "42501"
"""Postgres' code for what a role may not do."""


def _forbidden(error: DBAPIError, engine: Engine) -> DeniedError:
    said = str(error.orig).strip().splitlines()[0]
    return DeniedError(
        f"the database refuses it to the role {engine.url.username}: {said}",
        hint="migrations are the owner's (mlmon database migrate); grants are made by mlmon database roles",
    )


def one_after_another(connection: Connection, key: int) -> None:
    """Waits on Postgres for other transactions with this key; on SQLite writers follow one another anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def explained(error: DBAPIError, engine: Engine) -> MlmonError:
    """What a database's failure means; the password of its URL is never shown."""
    where, said = engine.url.render_as_string(hide_password=True), str(error.orig).strip()
    lowered = said.lower()
    if "not a database" in lowered or "malformed" in lowered:
        return InputError(f"{engine.url.database} is not a database file (or a damaged one)")
    if "readonly" in lowered or "read-only" in lowered or "unable to open" in lowered:
        return InputError(f"the database {where} cannot be written: {said}")
    if "no such table" in lowered:
        return InputError(f"the database {where} is not complete: {said}")
    return UnavailableError(
        f"the database {where} cannot be used: {said.splitlines()[0]}",
        hint="is the server running, and are MLMON_DATABASE_URL and the password right?",
    )
