"""How the reference's own records score, kept with the model: what makes a record's p-value."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlmon_dagster.adapters.mlflow.signature import ModelInput, conform, matrix_of
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.scorer import Calibration, RecordScorer
from mlmon_dagster.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

FILE = "scores.json"
FORMAT = 1
SAMPLE_ROWS = 10_000


def write_scores(directory: Path, profile: bytes, inputs: Sequence[ModelInput], reference: "pd.DataFrame") -> None:
    """Scores the reference's rows (up to 10,000 of them) against its profile and keeps how they are distributed.

    Nothing is kept for a profile that cannot be read or scored against: a server with it does not start.
    """
    try:
        scorer = RecordScorer.of(Profile.from_bytes(profile), tuple(column.name for column in inputs))
    except DataError:
        return
    chosen = np.linspace(0, len(reference) - 1, min(SAMPLE_ROWS, len(reference))).astype(int)
    rows = reference.iloc[chosen]
    matrix = matrix_of(rows, inputs)
    if matrix is not None:
        _, means, largest = scorer.rows(matrix)
    else:
        records = conform(rows, inputs).itertuples(index=False, name=None)
        scored = [scorer.row([_plain(value) for value in record])[1:] for record in records]
        means, largest = np.array([one for one, _ in scored]), np.array([one for _, one in scored])
    calibration = Calibration.of(means, largest)
    document = {"format": FORMAT, "rows": len(rows), **asdict(calibration)}
    (directory / FILE).write_text(json.dumps(document, sort_keys=True) + "\n")


def read_scores(directory: Path) -> Calibration | None:
    """The calibration of a model directory; `None` for a version that was registered before there was one."""
    try:
        document: dict[str, Any] = json.loads((directory / FILE).read_bytes())
        if document["format"] != FORMAT:
            raise DataError(f"{FILE} has format {document['format']}, this program reads format {FORMAT}")
        return Calibration(*(tuple(map(float, document[name])) for name in ("mean", "largest", "rarer")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{FILE} cannot be read: {error}", hint="register the model again") from error


def _plain(value: Any) -> Any:
    """Missing values of every kind as `None`, numbers of numpy as Python's."""
    if value is None or value != value:
        return None
    return value.item() if hasattr(value, "item") else value
