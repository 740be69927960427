"""The audit log, its projections, metrics and verdicts as a Dagster resource."""

from dataclasses import replace
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.resources.governance import Office, open_office
from mlmon_dagster.settings import Settings, read_settings


class DatabaseResource(dg.ConfigurableResource[Any]):
    """One database for governance: SQLite in a file, or Postgres."""

    url: str = Field(description="SQLAlchemy URL")

    _office: Office | None = PrivateAttr(default=None)

    def governance(self) -> Governance:
        """What commands and queries work through."""
        return self.office().governance

    def office(self) -> Office:
        """Governance with its notary; the database is opened at first use and brought up to date."""
        if self._office is None:
            self._office = open_office(replace(self.settings(), database_url=self.url))
        return self._office

    def settings(self) -> Settings:
        """The settings of the process that runs the stage."""
        return read_settings()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._office is not None:
            self._office.close()
            self._office = None
