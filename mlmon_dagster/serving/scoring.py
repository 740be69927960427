"""The reference that every record is scored against, and the scores of single records."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.scorer import RecordScorer
from mlmon_dagster.errors import DataError
from mlmon_dagster.serving.problems import ProblemError


def read_scorer(file: Path, inputs: Sequence[ModelInput]) -> RecordScorer:
    """Scores against the model's reference profile.

    Raises `DataError` when there is no profile or it lacks an input: without a reference no record has a score.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"the model has no reference profile ({file.name}), so records cannot be scored",
            hint="register the model again with the reference it was trained on",
        ) from None
    return RecordScorer.of(Profile.from_bytes(content), tuple(column.name for column in inputs))


class RecordScores:
    """What `RecordScorer` says of one record, sooner where all features are numbers that vary: the usual case."""

    def __init__(self, scorer: RecordScorer, names: Sequence[str]) -> None:
        self._scorer, self._places = scorer, scorer.scored
        self._names = [names[place] for place in self._places]
        features = scorer.features
        self._plain = all(one.kind == "number" and one.scale > 0 for one in features)
        self._rule = tuple(one.mean for one in features), tuple(one.scale for one in features)

    def summary(self, values: Sequence[Any]) -> tuple[float, float]:
        """(mean, largest) |z| of a record; `ProblemError` 422 for one so far away that it has none."""
        mean = math.nan
        if self._plain:
            total = largest = 0.0
            try:
                for value, center, scale in zip(values, *self._rule, strict=False):
                    score = (value - center) * scale
                    if score < 0.0:  # quicker than abs
                        score = -score
                    total += score
                    if score > largest:
                        largest = score
                mean = total / len(values)
            except TypeError:  # a value is missing
                pass
        if mean != mean:
            _, mean, largest = self._scorer.row(values)
        if not largest < math.inf:
            raise too_far()
        return mean, largest

    def each(self, values: Sequence[Any]) -> dict[str, float]:
        """|z| of every feature that has a score, by its name."""
        return dict(zip(self._names, self._each(values), strict=True))

    def _each(self, values: Sequence[Any]) -> list[float]:
        if self._plain:
            try:
                return [abs(one - center) * scale for one, center, scale in zip(values, *self._rule, strict=True)]
            except TypeError:  # a value is missing
                pass
        scores = self._scorer.row(values)[0]
        return [scores[place] for place in self._places]


def too_far() -> ProblemError:
    """What is said of a record that has no score."""
    return ProblemError(422, "a feature lies too far from the reference for a score")
