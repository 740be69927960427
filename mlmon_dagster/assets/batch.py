"""Scoring one window: the rows a model can take, with their prediction, and the rows it cannot, with the reason."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mlmon_dagster.errors import DataError, FailedError
from mlmon_dagster.lifecycle.outputs import REASON
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import ModelVersion

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

Probabilities = Callable[["pd.DataFrame"], "dict[str, np.ndarray]"]
"""Rows of inputs to the columns of their classes' probabilities."""

PREDICTION = "prediction"
VERSION = "model_version"


@lru_cache(maxsize=2)
def load_native(registry: Any, version: ModelVersion) -> Any:
    """The fitted model itself, for its probabilities, kept as well."""
    return registry.native(version)


@dataclass(frozen=True)
class Scored:
    """`rows` end with `prediction` and `model_version`; `quarantine` ends with `reason`."""

    rows: "pa.Table"
    quarantine: "pa.Table"


@lru_cache(maxsize=2)
def load(registry: Any, version: ModelVersion) -> Any:
    """The verified model of a registry, kept for the other windows of a backfill: a version never changes."""
    return registry.load(version)


def carried(pipeline: Pipeline) -> tuple[str, ...]:
    """Columns that identify a row, whichever the model takes: keys, the labels' keys, and the time."""
    stages = pipeline.stages
    performance, rows = stages.model_monitoring.performance, stages.data_ingestion.source.rows
    labels = performance.labels.source.rows.key if performance else ()
    return tuple(dict.fromkeys((*stages.feature_store.key, *rows.key, *labels, *filter(None, [rows.time]))))


def score(
    model: Any, table: "pa.Table", carried: tuple[str, ...], version: int, probabilities: Probabilities | None = None
) -> Scored:
    """Predictions for every row that has the inputs which were never missing on the reference.

    The live server refuses the other rows too: both give the same predictions for the same rows.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [column.name for column in model.inputs]
    for name in names:
        if name not in table.column_names:
            raise DataError(f"the window has no column {name!r}, which the model takes")
    reasons = pa.nulls(table.num_rows, pa.string())
    for column in model.inputs:
        if not column.nullable:
            values = table.column(column.name).combine_chunks()
            absent = pc.is_null(values, nan_is_null=True)
            reasons = pc.coalesce(
                reasons, pc.if_else(absent, f"{column.name} is missing", pa.scalar(None, pa.string()))
            )
    kept = table.filter(pc.is_null(reasons))
    aside = table.append_column(REASON, reasons).filter(pc.is_valid(reasons))
    chosen = [name for name in dict.fromkeys((*carried, *names)) if name in table.column_names]
    rows = kept.select(chosen)
    rows = rows.append_column(PREDICTION, _predictions(model, kept))
    for name, values in probabilities(kept.to_pandas()).items() if probabilities else ():
        rows = rows.append_column(name, pa.array(values))
    return Scored(rows.append_column(VERSION, pa.array([version] * rows.num_rows, pa.int64())), aside)


def statistics(scored: "pa.Table") -> dict[str, float]:
    """`predictions.mean|std|min|max` of numbers, and how many predictions are `invalid`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = scored.column(PREDICTION).combine_chunks()
    if not len(values):
        return {}
    if not pa.types.is_floating(values.type) and not pa.types.is_integer(values.type):
        return {"predictions.invalid": float(values.null_count)}
    finite = values.filter(pc.is_finite(values))
    found = {"predictions.invalid": float(len(values) - len(finite))}
    if len(finite):
        extremes = pc.min_max(finite).as_py()
        found |= {
            "predictions.mean": float(pc.mean(finite).as_py()),
            "predictions.std": float(pc.stddev(finite).as_py()),
            "predictions.min": float(extremes["min"]),
            "predictions.max": float(extremes["max"]),
        }
    return found


def _predictions(model: Any, table: "pa.Table") -> "pa.Array":
    import pyarrow as pa

    if not table.num_rows:
        return pa.array([], pa.float64())
    try:
        return pa.array(model.predict(table.to_pandas()))
    except (ValueError, TypeError) as error:
        raise FailedError(f"the model cannot score this window: {str(error).splitlines()[0]}") from error
