"""What is known of a model version's labels and errors on the reference; it is kept with the version."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.estimation.estimator import Estimator, packed, unpacked
from mlmon_dagster.drift.multivariate.encoding import Encoder
from mlmon_dagster.drift.packing import pack, unpack
from mlmon_dagster.drift.performance import measure_outcomes
from mlmon_dagster.drift.performance.error import standard_error
from mlmon_dagster.drift.performance.outcomes import Outcomes
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.segments import LossTable
from mlmon_dagster.errors import DataError

VERSION = 1
"""Of the file format; another one is refused."""

LABEL = "label"


@dataclass(frozen=True)
class Expected:
    """A metric on the reference, and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Expectation:
    """Performance on rows of the reference that the model did not learn from, and the distribution of all labels."""

    metrics: Mapping[str, Expected]
    rows: int
    """Labels that the metrics are measured on."""
    labels: Profile
    """One column, `label`."""
    estimator: Estimator | None = None
    """What estimates the metrics of windows without labels, where that is declared."""
    segments: Mapping[str, Expected] = field(default_factory=dict)
    """The judged metric in each declared segment that has labels enough."""
    losses: LossTable | None = None
    """Losses by input, to explain by."""

    @classmethod
    def of(cls, metrics: Mapping[str, Outcomes], labels: Column, estimator: Estimator | None = None) -> "Expectation":
        """The expectation from each metric's outcomes and the reference's labels.

        Raises `DataError` where a metric has no meaning for its outcomes.
        """
        expected = {
            name: Expected(measure_outcomes(name, outcomes), standard_error(name, outcomes))
            for name, outcomes in metrics.items()
        }
        rows = min((outcomes.rows for outcomes in metrics.values()), default=0)
        return cls(expected, rows, Profile.of({LABEL: labels}), estimator)

    def to_bytes(self) -> bytes:
        """As a file: the same bytes for the same expectation."""
        about = {
            "version": VERSION,
            "rows": self.rows,
            "metrics": {name: [_text(one.value), _text(one.error)] for name, one in self.metrics.items()},
        }
        described, arrays = packed(self.estimator) if self.estimator else ({}, {})
        arrays = {**arrays, "labels": np.frombuffer(self.labels.to_bytes(), dtype=np.uint8)}
        about["segments"] = {name: [_text(one.value), _text(one.error)] for name, one in self.segments.items()}
        if self.losses:
            about["encoder"], edges = self.losses.encoder.packed("loss.edges.")
            arrays |= {**edges, "loss.counts": self.losses.counts, "loss.losses": self.losses.losses}
        return pack({**about, "estimator": described}, arrays)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Expectation":
        """The expectation in such a file; `DataError` for anything else."""
        about, arrays = unpack(content, "an expectation of performance")
        if about.get("version") != VERSION:
            raise DataError(f"the expectation has version {about.get('version')}, this program reads {VERSION}")
        metrics = {name: Expected(float(value), float(error)) for name, (value, error) in about["metrics"].items()}
        segments = {name: Expected(float(value), float(error)) for name, (value, error) in about["segments"].items()}
        losses = None
        if "encoder" in about:
            encoder = Encoder.unpacked(about["encoder"], arrays, "loss.edges.")
            losses = LossTable(encoder, arrays["loss.counts"], arrays["loss.losses"])
        try:
            estimator = unpacked(about["estimator"], arrays) if about["estimator"] else None
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(f"the estimator of performance cannot be read: {error}") from error
        labels = Profile.from_bytes(arrays["labels"].tobytes())
        return cls(metrics, int(about["rows"]), labels, estimator, segments, losses)


def _text(number: float) -> str:
    """JSON has no NaN; `repr` gives every float back."""
    return repr(float(number))
