"""Findings of CI and tests at a server."""

from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.lifecycle.desk.answers import Recorded


@dataclass(frozen=True)
class Findings:
    """See `lifecycle.desk.findings.Findings`."""

    _at: Connection

    def list(self, pipeline: str) -> tuple[Finding, ...]:
        """What is known of the pipeline, oldest first."""
        return self._at.items(Finding, "/api/findings", pipeline=pipeline)

    def status(self, pipeline: str, commit: str, name: str, *, passed: bool, detail: str = "") -> Recorded[Finding]:
        """Reports a status of a commit."""
        body = {"pipeline": pipeline, "commit": commit, "name": name, "passed": passed, "detail": detail}
        return self._at.change(Finding, "/api/findings/statuses", body)

    def test(self, pipeline: str, environment: str, name: str, *, passed: bool, detail: str = "") -> Recorded[Finding]:
        """Reports how a test went on the version that is live in the environment."""
        body = {"pipeline": pipeline, "environment": environment, "name": name, "passed": passed, "detail": detail}
        return self._at.change(Finding, "/api/findings/tests", body)
