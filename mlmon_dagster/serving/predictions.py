"""What is said of predictions: of one record, and of the many of one request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from mlmon_dagster.adapters.prediction_log.rows import Row


class Prediction(msgspec.Struct):
    """The answer to one record (requirement 6.5)."""

    id: str
    prediction: Any
    drift_score: float
    drift_max: float
    p_value: float | None
    band: str
    drift: dict[str, float]
    timestamp: str
    features_received: Any
    model_version: int


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """What is known of many records; arrays of one length."""

    id: str
    moment: int
    predictions: np.ndarray
    means: np.ndarray
    largest: np.ndarray

    @classmethod
    def of(cls, found: Sequence[Row]) -> "ScoredBatch":
        """Of the records of one request."""
        return cls(
            found[0].id.rpartition("-")[0],
            found[0].moment,
            np.array([one.prediction for one in found]),
            np.array([one.mean for one in found]),
            np.array([one.largest for one in found]),
        )


def unlogged(body: bytes) -> bytes:
    """A JSON object that says of itself that its prediction is not in the log."""
    return body[:-1] + b',"logged":false}'
