"""Findings of CI and tests at a desk."""

from dataclasses import dataclass

from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.lifecycle import findings as commands
from mlmon_dagster.lifecycle import queries
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing


@dataclass(frozen=True)
class Findings:
    """What was reported of commits and versions."""

    _at: Standing

    def list(self, pipeline: str) -> tuple[Finding, ...]:
        """What is known of the pipeline, oldest first."""
        self._at.declared(pipeline)
        return self._at.seen(queries.findings(self._at.governance, pipeline))

    def status(self, pipeline: str, commit: str, name: str, *, passed: bool, detail: str = "") -> Recorded[Finding]:
        """See `lifecycle.findings.report_status`."""
        declared, governance = self._at.declared(pipeline).pipeline, self._at.governance
        found = commands.report_status(
            governance, declared, commit, name, passed=passed, detail=detail, actor=self._at.actor
        )
        return self._at.recorded(found)

    def test(self, pipeline: str, environment: str, name: str, *, passed: bool, detail: str = "") -> Recorded[Finding]:
        """See `lifecycle.findings.report_test`."""
        declared, governance = self._at.declared(pipeline).pipeline, self._at.governance
        found = commands.report_test(
            governance, declared, environment, name, passed=passed, detail=detail, actor=self._at.actor
        )
        return self._at.recorded(found)
