"""What monitoring found, at a server."""

from dataclasses import dataclass
from typing import Any, TypeVar

from mlmon_dagster.client.connection import Connection, read
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.ports import Measured

R = TypeVar("R")


@dataclass(frozen=True)
class Monitoring:
    """See `lifecycle.desk.monitoring.Monitoring`."""

    _at: Connection

    def metrics(self, pipeline: str, environment: str | None = None) -> tuple[Measured, ...]:
        """The newest value of every metric, by name."""
        return self._all(Measured, f"metrics/{pipeline}", environment=environment)

    def series(
        self, pipeline: str, name: str, environment: str | None = None, since: str | None = None
    ) -> tuple[Measured, ...]:
        """One metric over the windows, oldest first."""
        return self._all(Measured, f"metrics/{pipeline}", name=name, environment=environment, since=since)

    def checks(self, pipeline: str, environment: str | None = None) -> tuple[Judged, ...]:
        """The newest verdict of every check."""
        return self._all(Judged, f"checks/{pipeline}", environment=environment)

    def history(
        self, pipeline: str, environment: str | None = None, check: str | None = None, since: str | None = None
    ) -> tuple[Judged, ...]:
        """Verdicts, oldest window first."""
        return self._all(Judged, f"checks/{pipeline}/history", environment=environment, check=check, since=since)

    def drift(self, pipeline: str, environment: str, since: str | None = None) -> tuple[Judged, ...]:
        """Verdicts of the pipeline's monitors, oldest window first."""
        return self._all(Judged, f"drift/{pipeline}", environment=environment, since=since)

    def performance(self, pipeline: str, environment: str, since: str | None = None) -> tuple[Measured, ...]:
        """Every metric of performance, oldest window first."""
        return self._all(Measured, f"performance/{pipeline}", environment=environment, since=since)

    def _all(self, kind: type[R], path: str, **query: Any) -> tuple[R, ...]:
        return tuple(read(kind, one) for one in self._at.get(f"/api/monitoring/{path}", **query))
