"""The reference that every record is scored against."""

from collections.abc import Sequence
from pathlib import Path

from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.scorer import RecordScorer
from mlmon_dagster.errors import DataError


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
