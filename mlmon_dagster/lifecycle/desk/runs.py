"""Requests to run stages, at a desk."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlmon_dagster.errors import BlockedError
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.governance.runs import RunRequest
from mlmon_dagster.lifecycle import runs as commands
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing


@dataclass(frozen=True)
class Runs:
    """What Dagster was asked to run."""

    _at: Standing

    def list(self, pipeline: str) -> tuple[RunRequest, ...]:
        """What was asked for of a pipeline, oldest first."""
        self._at.declared(pipeline)
        return commands.requested_runs(self._at.governance, pipeline)

    def request(
        self,
        pipeline: str,
        stages: Sequence[str],
        environment: str | None = None,
        window: str | None = None,
        *,
        reason: str = "",
    ) -> Recorded[RunRequest]:
        """See `lifecycle.runs.request_run`."""
        declared = self._at.declared(pipeline).pipeline
        found = commands.request_run(
            self._at.governance, declared, stages, environment, window, actor=self._at.actor, reason=reason
        )
        return self._at.recorded(found)

    def deploy(self, promotion: str, *, reason: str = "") -> Recorded[RunRequest]:
        """Asks for the deployment stage of a pending promotion, which opens the gate or says what closes it."""
        asked = self._at.one(Promotion, promotion, "promotion")
        if not asked.pending:
            raise BlockedError(f"{promotion} is {asked.state}: only a pending one is deployed", code="NOT_PENDING")
        return self.request(asked.pipeline, ("model_deployment",), asked.environment, reason=reason or promotion)
