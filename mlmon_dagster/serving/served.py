"""What a server serves, and how it scores and keeps what it says."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.adapters.prediction_log.rows import SegmentHeader
from mlmon_dagster.drift.zscore import HIGH, MODERATE


@dataclass(frozen=True)
class Served:
    """What a server serves, as it says in every answer and every segment of its log."""

    model: str
    version: int
    digest: str
    pipeline: str | None = None
    environment: str | None = None
    deployment: str | None = None

    def header(self, inputs: Sequence[ModelInput], durability: str, sample: float = 1.0) -> SegmentHeader:
        """What all rows of this server's log have in common."""
        kinds = tuple((column.name, column.kind) for column in inputs)
        return SegmentHeader(
            self.model,
            self.version,
            self.digest,
            self.pipeline,
            self.environment,
            self.deployment,
            durability,
            kinds,
            sample,
        )


@dataclass(frozen=True)
class Bands:
    """The band of a record by its mean |z|: `normal` below `moderate`, `high` above `high` (requirements 7.6, 7.7)."""

    moderate: float = MODERATE
    high: float = HIGH

    def band(self, score: float) -> str:
        """`normal`, `moderate` or `high`."""
        if score < self.moderate:
            return "normal"
        return "high" if score > self.high else "moderate"
