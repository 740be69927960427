"""One `dagster.yaml` for both worlds: consolidated SQLite files by default, Postgres where a URL is given.

Dagster's default SQLite event log is sharded by run and cannot be read by a cursor, which the sensors need;
the consolidated one can. A `postgresql://` URL means psycopg 3 to SQLAlchemy 2.1, but dagster-postgres installs
psycopg2, so the driver is named here (https://github.com/dagster-io/dagster/issues/33958).

Dagster opens and closes a SQLite file for every statement, and the close of its last connection writes everything
back. Here connections are kept and a commit does not wait for the disk: after a power failure the newest lines of
Dagster's log may be gone, but the files are whole. The audit log is another file, and always waits.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster import DagsterInstance
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage, EventLogStorage
from dagster._core.storage.runs import RunStorage, SqliteRunStorage
from dagster._core.storage.schedules import ScheduleStorage, SqliteScheduleStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event

from mlmon_dagster.settings import read_settings

BUSY_SECONDS = 60
"""How long a writer waits for another one."""


class _Kept:
    """Connections to one SQLite file that are kept between uses."""

    _conn_string: str

    @cached_property
    def _engine(self) -> Engine:
        engine = create_engine(self._conn_string, connect_args={"timeout": BUSY_SECONDS}, max_overflow=-1)

        @event.listens_for(engine, "connect")
        def _unhurried(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA synchronous=NORMAL")

        return engine

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in a transaction."""
        with self._engine.begin() as connection:
            yield connection

    _connect = connect

    def dispose(self) -> None:
        """Closes them."""
        self._engine.dispose()
        super().dispose()  # type: ignore[misc] # of the storage beside


class _Runs(_Kept, SqliteRunStorage):
    """Runs in `runs.db`."""


class _Events(_Kept, ConsolidatedSqliteEventLogStorage):
    """Events of all runs in `event_log.db`."""


class _Schedules(_Kept, SqliteScheduleStorage):
    """Ticks of sensors and schedules in `schedules.db`."""


class EmbeddedStorage(DagsterStorage, ConfigurableClass):
    """Runs, events and schedules in SQLite files under one folder; events of all runs in one file."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._runs = _Runs.from_local(base_dir)
        self._events = _Events(base_dir)
        self._schedules = _Schedules.from_local(str(Path(base_dir) / "schedules"))
        super().__init__()  # type: ignore[no-untyped-call] # Dagster's own

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        """Postgres storage where `MLMON_DAGSTER_DATABASE_URL` is set, else SQLite under `MLMON_HOME`."""
        url = os.environ.get("MLMON_DAGSTER_DATABASE_URL")
        if url:
            from dagster_postgres import DagsterPostgresStorage

            with_driver = "postgresql+psycopg2://" + url.split("://", 1)[-1]
            return DagsterPostgresStorage(with_driver, should_autocreate_tables=True, inst_data=inst_data)
        folder = read_settings().home / "dagster"
        folder.mkdir(parents=True, exist_ok=True)
        return cls(str(folder), inst_data)

    def register_instance(self, instance: DagsterInstance) -> None:
        super().register_instance(instance)
        for part in (self._runs, self._events, self._schedules):
            if not part.has_instance:
                part.register_instance(instance)

    def dispose(self) -> None:
        self._events.dispose()
        self._runs.dispose()
        self._schedules.dispose()

    @property
    def event_log_storage(self) -> EventLogStorage:
        return self._events

    @property
    def run_storage(self) -> RunStorage[DagsterInstance]:
        return self._runs

    @property
    def schedule_storage(self) -> ScheduleStorage[DagsterInstance]:
        return self._schedules
