"""One `dagster.yaml` for both worlds: consolidated SQLite files by default, Postgres where a URL is given.

Dagster's default SQLite event log is sharded by run and cannot be read by a cursor, which the sensors need;
the consolidated one can. A `postgresql://` URL means psycopg 3 to SQLAlchemy 2.1, but dagster-postgres installs
psycopg2, so the driver is named here (https://github.com/dagster-io/dagster/issues/33958).
"""

import os
from pathlib import Path
from typing import Any

from dagster import DagsterInstance
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage, EventLogStorage
from dagster._core.storage.runs import RunStorage, SqliteRunStorage
from dagster._core.storage.schedules import ScheduleStorage, SqliteScheduleStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from mlmon_dagster.settings import read_settings


class EmbeddedStorage(DagsterStorage, ConfigurableClass):
    """Runs, events and schedules in SQLite files under one folder; events of all runs in one file."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._runs = SqliteRunStorage.from_local(base_dir)
        self._events = ConsolidatedSqliteEventLogStorage(base_dir)
        self._schedules = SqliteScheduleStorage.from_local(str(Path(base_dir) / "schedules"))
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
        self._events.dispose()  # type: ignore[no-untyped-call] # Dagster's own
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
