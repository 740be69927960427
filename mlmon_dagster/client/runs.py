"""Requests to run stages, at a server."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection, read
from mlmon_dagster.governance.runs import RunRequest
from mlmon_dagster.lifecycle.desk.answers import Recorded


@dataclass(frozen=True)
class Runs:
    """See `lifecycle.desk.runs.Runs`."""

    _at: Connection

    def list(self, pipeline: str) -> tuple[RunRequest, ...]:
        """What was asked for of a pipeline, oldest first."""
        return tuple(reversed([read(RunRequest, one) for one in self._at.pages(f"/api/pipelines/{pipeline}/runs")]))

    def request(
        self,
        pipeline: str,
        stages: Sequence[str],
        environment: str | None = None,
        window: str | None = None,
        *,
        reason: str = "",
    ) -> Recorded[RunRequest]:
        """Asks Dagster to run the stages once."""
        body = {"stages": list(stages), "environment": environment, "window": window, "reason": reason}
        return self._at.change(RunRequest, f"/api/pipelines/{pipeline}/run", body)

    def deploy(self, promotion: str, *, reason: str = "") -> Recorded[RunRequest]:
        """Asks for the deployment stage of a pending promotion."""
        return self._at.change(RunRequest, "/api/deployments", {"promotion": promotion, "reason": reason})
