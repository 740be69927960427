"""From records to predictions, each with its drift score and its line in the prediction log."""

import math
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from mlmon_dagster.adapters.mlflow.model_directory import LoadedModel
from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.adapters.prediction_log.rows import Row, SegmentHeader, encode_rows
from mlmon_dagster.drift.zscore import Baseline, RecordScore, record_score
from mlmon_dagster.errors import DataError
from mlmon_dagster.serving.prediction_log import LogRefusedError, PredictionLog
from mlmon_dagster.serving.problems import ProblemError
from mlmon_dagster.serving.records import Record


@dataclass(frozen=True)
class Served:
    """What a server serves, as it says in every answer and every line of its log."""

    model: str
    version: int
    digest: str
    pipeline: str | None = None
    environment: str | None = None
    deployment: str | None = None

    def header(self, inputs: Sequence[ModelInput], durability: str) -> SegmentHeader:
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
        )


@dataclass(frozen=True)
class Predictor:
    """A model, the reference it is scored against, and the log that keeps what it said."""

    model: LoadedModel
    baseline: Baseline
    served: Served
    log: PredictionLog

    def predict(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        """One answer for each record, after all are in the log.

        Raises `ProblemError` 500 when the model gives something that is no prediction, 503 when the log cannot be kept.
        """
        moment = time.time_ns()
        now = datetime.fromtimestamp(moment / 1e9, timezone.utc)
        answers = [
            self._answer(record, prediction, now)
            for record, prediction in zip(records, self._predictions(records), strict=True)
        ]
        try:
            logged = self.log.append(encode_rows([self._row(answer, moment) for answer in answers]))
        except LogRefusedError as error:
            raise ProblemError(503, error.reason) from error
        if not logged:
            answers = [{**answer, "logged": False} for answer in answers]
        return answers

    def _predictions(self, records: Sequence[Record]) -> list[Any]:
        import pandas as pd

        frame = pd.DataFrame(records, columns=[column.name for column in self.model.inputs])
        try:
            predictions: list[Any] = self.model.predict(frame).tolist()
        except (ValueError, TypeError) as error:
            raise ProblemError(422, f"the model cannot take these features: {_sentence(error)}") from error
        if any(value is None or (isinstance(value, float) and not math.isfinite(value)) for value in predictions):
            raise ProblemError(500, "the model gave a prediction that is not a finite number")
        return predictions

    def _answer(self, record: Record, prediction: Any, now: datetime) -> dict[str, Any]:
        score = self._score(record)
        return {
            "id": uuid.uuid4().hex,
            "prediction": prediction,
            "drift_score": score.mean,
            "drift_max": score.largest,
            "band": score.band,
            "drift": dict(score.features),
            "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "features_received": record,
            "model_version": self.served.version,
        }

    def _score(self, record: Record) -> RecordScore:
        try:
            score = record_score(self.baseline, record)
        except DataError as error:
            raise ProblemError(422, error.message) from error
        if not math.isfinite(score.mean):
            raise ProblemError(422, "a feature lies too far from the reference for a score")
        return score

    def _row(self, answer: Mapping[str, Any], moment: int) -> Row:
        features = list(answer["features_received"].values())
        return answer["id"], moment, features, answer["prediction"], answer["drift_score"], answer["drift_max"]


def _sentence(error: Exception) -> str:
    return str(error).split("\n")[0]
