"""What monitoring found, at a desk."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlmon_dagster.errors import MissingError
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.lifecycle.desk.standing import Standing
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import Measured


@dataclass(frozen=True)
class Monitoring:
    """Metrics and verdicts of a pipeline."""

    _at: Standing

    def metrics(self, pipeline: str, environment: str | None = None) -> tuple[Measured, ...]:
        """The newest value of every metric, by name."""
        self._place(pipeline, environment)
        return tuple(self._at.governance.metrics.latest(pipeline, environment).values())

    def series(
        self, pipeline: str, name: str, environment: str | None = None, since: str | None = None
    ) -> Sequence[Measured]:
        """One metric over the windows, oldest first."""
        self._place(pipeline, environment)
        return self._at.governance.metrics.series(pipeline, environment, name, since=since)

    def checks(self, pipeline: str, environment: str | None = None) -> tuple[Judged, ...]:
        """The newest verdict of every check."""
        self._place(pipeline, environment)
        return tuple(self._at.governance.judgements.latest(pipeline, environment).values())

    def history(
        self, pipeline: str, environment: str | None = None, check: str | None = None, since: str | None = None
    ) -> Sequence[Judged]:
        """Verdicts, oldest window first."""
        self._place(pipeline, environment)
        return self._at.governance.judgements.history(pipeline, environment, check, since=since)

    def drift(self, pipeline: str, environment: str, since: str | None = None) -> tuple[Judged, ...]:
        """Verdicts of the pipeline's monitors, oldest window first."""
        monitors = self._at.declared(pipeline).pipeline.stages.model_monitoring.monitors
        found = self.history(pipeline, environment, since=since)
        return tuple(one for one in found if one.check in monitors)

    def performance(self, pipeline: str, environment: str, since: str | None = None) -> tuple[Measured, ...]:
        """Every metric of performance, oldest window first."""
        names = [one.name for one in self.metrics(pipeline, environment) if one.name.startswith("performance.")]
        return tuple(one for name in names for one in self.series(pipeline, name, environment, since))

    def _place(self, pipeline: str, environment: str | None) -> None:
        environments = self._at.declared(pipeline).pipeline.environments
        if environment is not None and environment not in environments:
            raise MissingError(unknown(f"environment of {pipeline}", environment, environments))
