"""Reports at a desk."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.governance.compliance import Span
from mlmon_dagster.governance.reports import GENERATED, KeptReport, report_of
from mlmon_dagster.governance.roles import ANYWHERE
from mlmon_dagster.lifecycle import reports as commands
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing, having
from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.plugins import unknown

DAYS = 90
"""How far a compliance report goes back unless something else is said."""


@dataclass(frozen=True)
class Reports:
    """Pages that were kept as evidence."""

    _at: Standing

    def list(
        self, pipeline: str | None = None, *, newest: int | None = None, before: str | None = None
    ) -> tuple[KeptReport, ...]:
        """Kept reports (if given the `newest`, of those before `before`), oldest first."""
        place = None if before is None else int(before.rpartition("-")[2])
        where = having(action=GENERATED, project=self._at.projects, pipeline=pipeline)
        with self._at.governance.ledger.read() as reading:
            return tuple(report_of(line.entry) for line in reading.entries(newest=newest, before=place, **where))

    def get(self, id: str) -> KeptReport:
        """One report; `MissingError` names the newest ones."""
        where = having(action=GENERATED, project=self._at.projects, subject=id)
        with self._at.governance.ledger.read() as reading:
            for line in reading.entries(newest=1, **where):
                return report_of(line.entry)
        raise MissingError(unknown("report", id, tuple(one.id for one in self.list(newest=5))))

    def content(self, id: str) -> str:
        """The page of a report."""
        return commands.report_content(self._outputs(), self.get(id))

    def compliance(
        self,
        project: str = ANYWHERE,
        pipeline: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Recorded[KeptReport]:
        """See `lifecycle.reports.compliance_report`; of the last 90 days unless something else is said."""
        if pipeline is not None:
            declared = self._at.declared(pipeline).pipeline.project
            if project not in (ANYWHERE, declared):
                raise InputError(f"the pipeline {pipeline} is of the project {declared}, not of {project}")
            project = declared
        start, end = commands.last_days(self._at.governance.now(), DAYS)
        span = Span(since or start, until or end, project, pipeline)
        page = self._at.premises.page
        if page is None:
            raise MissingError("nothing draws reports here")
        found = commands.compliance_report(self._at.governance, self._outputs(), span, page, actor=self._at.actor)
        return self._at.recorded(found)

    def monitoring(self, pipeline: str, environment: str, window: str) -> Recorded[KeptReport]:
        """See `lifecycle.reports.monitoring_report`."""
        declared = self._at.declared(pipeline).pipeline
        if environment not in declared.environments:
            raise MissingError(unknown(f"environment of {pipeline}", environment, declared.environments))
        declared.windows.window(window)
        found = commands.monitoring_report(
            self._at.governance, self._outputs(), declared, environment, window, actor=self._at.actor
        )
        return self._at.recorded(found)

    def _outputs(self) -> Outputs:
        opened: Callable[[], Outputs] | None = self._at.premises.outputs
        if opened is None:
            raise MissingError("no object store is at hand here")
        return opened()
