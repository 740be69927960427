"""The audit log, its projections, metrics and verdicts as a Dagster resource."""

from datetime import datetime, timezone
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.settings import Settings, read_settings


class DatabaseResource(dg.ConfigurableResource[Any]):
    """One database for governance: SQLite in a file, or Postgres."""

    url: str = Field(description="SQLAlchemy URL")

    _database: Database | None = PrivateAttr(default=None)

    def governance(self) -> Governance:
        """What commands and queries work through; the database is opened at first use and brought up to date."""
        if self._database is None:
            self._database = open_database(self.url)
        database = self._database
        return Governance(database.ledger, database.judgements, database.metrics, lambda: datetime.now(timezone.utc))

    def settings(self) -> Settings:
        """The settings of the process that runs the stage."""
        return read_settings()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
