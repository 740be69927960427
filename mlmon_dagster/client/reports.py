"""Reports at a server."""

from dataclasses import dataclass
from datetime import datetime

from mlmon_dagster.client.connection import Connection
from mlmon_dagster.governance.reports import KeptReport
from mlmon_dagster.governance.roles import ANYWHERE
from mlmon_dagster.lifecycle.desk.answers import Recorded


@dataclass(frozen=True)
class Reports:
    """See `lifecycle.desk.reports.Reports`."""

    _at: Connection

    def list(self, pipeline: str | None = None) -> tuple[KeptReport, ...]:
        """Kept reports, oldest first."""
        return self._at.items(KeptReport, "/api/reports", pipeline=pipeline)

    def get(self, id: str) -> KeptReport:
        """One report."""
        return self._at.one(KeptReport, f"/api/reports/{id}")

    def content(self, id: str) -> str:
        """The page of a report."""
        return self._at.text(f"/api/reports/{id}/content")

    def compliance(
        self,
        project: str = ANYWHERE,
        pipeline: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Recorded[KeptReport]:
        """Judges the controls in a span of time and keeps the page."""
        times = {"since": since.isoformat() if since else None, "until": until.isoformat() if until else None}
        body = {"kind": "compliance", "project": project, "pipeline": pipeline, **times}
        return self._at.change(KeptReport, "/api/reports", body)

    def monitoring(self, pipeline: str, environment: str, window: str) -> Recorded[KeptReport]:
        """Keeps the page that monitoring wrote for a window."""
        body = {"kind": "monitoring", "pipeline": pipeline, "environment": environment, "window": window}
        return self._at.change(KeptReport, "/api/reports", body)
