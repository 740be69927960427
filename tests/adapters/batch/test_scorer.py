"""Scores of many rows of any kind at once: those of each row alone, to the last bit."""

from datetime import datetime, timezone

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlmon_dagster.adapters.batch.scorer import BatchScorer, joined
from mlmon_dagster.adapters.compiled.form import Form
from mlmon_dagster.adapters.mlflow.model_directory import LoadedModel
from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.scorer import RecordScorer

INPUTS = (
    ModelInput("city", "string", nullable=True),
    ModelInput("sold", "timestamp"),
    ModelInput("new", "boolean"),
    ModelInput("sqft", "float", nullable=True),
)
DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)
ROWS = pa.table(
    {
        "city": pa.array(["Ulm", None, "Jena", "Bonn", "Ulm", "Ulm"]),
        "sold": pa.array([DAY] * 6, pa.timestamp("us", "UTC")),
        "new": pa.array([True, False, True, True, False, False]),
        "sqft": pa.array([1.5, 3.0, None, 1e6, float("inf"), 7.25]),
    }
)


@pytest.fixture
def scorer() -> BatchScorer:
    frame = pd.DataFrame({"city": ["Ulm", "Bonn"] * 10, "sqft": np.arange(20.0)})
    encode = ColumnTransformer([("city", OneHotEncoder(handle_unknown="ignore"), ["city"])])
    model = make_pipeline(encode, LinearRegression()).fit(frame, frame.sqft)
    columns = {
        "city": Column.of("city", frame["city"].to_numpy()),
        "sold": Column.of("sold", np.array(["2026-01-01"] * 20, "datetime64[ns]")),
        "new": Column.of("new", np.array([True, False] * 10)),
        "sqft": Column.of("sqft", [None, *frame["sqft"].tolist()[1:]]),
    }
    records = RecordScorer.of(Profile.of(columns), tuple(columns))
    return BatchScorer(LoadedModel(INPUTS, Form("frame"), None, model), records, "d" * 64, 3)


def test_each_row_has_the_score_it_has_alone(scorer: BatchScorer) -> None:
    scored = scorer.score(ROWS.to_batches()[0])
    assert scored.aside["reason"].to_pylist() == ["sqft is not a finite number"]
    kept = [tuple(row.values()) for row in ROWS.to_pylist() if row["sqft"] != float("inf")]
    alone = [scorer.scorer.row(values)[1:] for values in kept]
    assert list(zip(*(scored.rows[name].to_pylist() for name in ("drift_score", "drift_max")), strict=True)) == alone


def test_categories_that_are_encoded_get_the_same_scores(scorer: BatchScorer) -> None:
    encoded = ROWS.set_column(0, "city", ROWS["city"].dictionary_encode())
    one, other = (scorer.numbers(table.combine_chunks().to_batches()[0]) for table in (ROWS, encoded))
    assert one.columns[1].equals(other.columns[1])
    assert one.columns[2].equals(other.columns[2])


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_pieces_are_the_whole(scorer: BatchScorer, rows: int) -> None:
    whole = scorer.numbers(ROWS.to_batches()[0])
    pieces = joined([scorer.numbers(one) for one in ROWS.to_batches(max_chunksize=rows)])
    assert pieces.reasons.equals(whole.reasons)
    assert all(one.equals(other) for one, other in zip(pieces.columns, whole.columns, strict=True))
