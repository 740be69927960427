"""Opening a database: migrations are applied when it is behind, refused when it is ahead."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from mlmon_dagster.adapters.database.answers import DatabaseAnswers
from mlmon_dagster.adapters.database.credentials import DatabaseCredentials
from mlmon_dagster.adapters.database.engine import connected, one_after_another, open_engine
from mlmon_dagster.adapters.database.judgements import DatabaseJudgements
from mlmon_dagster.adapters.database.ledger import DatabaseLedger
from mlmon_dagster.adapters.database.metrics import DatabaseMetrics
from mlmon_dagster.adapters.database.roles import refuse_unguarded
from mlmon_dagster.adapters.database.schema import REVISION
from mlmon_dagster.errors import InputError

OLDEST_POSTGRES = (13,)
MIGRATING = 7_306_117
"""Key of Postgres' advisory lock: one process migrates, the others wait."""


@dataclass(frozen=True)
class Database:
    """What is kept in one database."""

    engine: Engine
    ledger: DatabaseLedger
    metrics: DatabaseMetrics
    judgements: DatabaseJudgements
    credentials: DatabaseCredentials
    answers: DatabaseAnswers

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()


def open_database(url: str, *, guarded: bool = False) -> Database:
    """The database at a SQLAlchemy URL, migrated to the schema of this version.

    Raises `InputError` for a URL, file or schema that cannot be used (a newer schema says: upgrade), with `guarded`
    also for one that guards its log too little (see `roles`); `UnavailableError` when the server cannot be reached.
    """
    engine = open_engine(url)
    with connected(engine, writes=False) as connection:
        _refuse_old(connection)
        current = _revision(connection)
    if current != REVISION:
        with connected(engine, writes=True) as connection:
            migrate(connection)
        DatabaseLedger(engine).rebuild()
    if guarded:
        refuse_unguarded(engine)
    return Database(
        engine,
        DatabaseLedger(engine),
        DatabaseMetrics(engine),
        DatabaseJudgements(engine),
        DatabaseCredentials(engine),
        DatabaseAnswers(engine),
    )


def migrate(connection: Connection) -> None:
    """Brings the schema to `REVISION`; all of it or nothing."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    one_after_another(connection, MIGRATING)
    config = Config()
    config.set_main_option("script_location", "mlmon_dagster.adapters.database:migrations")
    scripts = ScriptDirectory.from_config(config)
    _refuse_newer(_revision(connection), scripts)
    steps: Any = lambda revision, _context: scripts._upgrade_revs("head", revision)  # noqa: E731
    with EnvironmentContext(config, scripts, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, transactional_ddl=False)
        environment.run_migrations()


def _refuse_old(connection: Connection) -> None:
    version = connection.dialect.server_version_info or ()
    if connection.dialect.name == "postgresql" and version < OLDEST_POSTGRES:
        raise InputError(
            f"the database server is PostgreSQL {'.'.join(map(str, version))}; expected {OLDEST_POSTGRES[0]} or newer",
            hint="upgrade it: older ones are no longer repaired by their makers either",
        )


def _refuse_newer(current: str | None, scripts: Any) -> None:
    known = sorted(script.revision for script in scripts.walk_revisions())
    if current is not None and current not in known:
        raise InputError(
            f"the database has the schema {current}, this version knows schemas up to {known[-1]}",
            hint="upgrade mlmon_dagster; a database is never taken back to an older schema",
        )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
