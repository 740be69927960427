"""Scoring one window: the rows a model can take, with what the server would answer, and the rows it cannot."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.batch.folder import BATCH_ROWS
from mlmon_dagster.adapters.batch.scorer import ADDED, BatchScorer, Numbers, as_batch, check_columns, joined
from mlmon_dagster.drift.zscore import HIGH
from mlmon_dagster.lifecycle.outputs import REASON
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import ModelVersion
from mlmon_dagster.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from mlmon_dagster.adapters.engines.spark import Spark

Probabilities = Callable[["pd.DataFrame"], "dict[str, np.ndarray]"]
"""Rows of inputs to the columns of their classes' probabilities."""

PREDICTION, DRIFT, LARGEST, VERSION = ADDED


@lru_cache(maxsize=2)
def load_native(registry: Any, version: ModelVersion) -> Any:
    """The fitted model itself, for its probabilities, kept as well."""
    return registry.native(version)


@dataclass(frozen=True)
class Scored:
    """`rows` end with `prediction`, `drift_score`, `drift_max` and `model_version`; `quarantine` with `reason`."""

    rows: "pa.Table"
    quarantine: "pa.Table"
    invalid: int = 0
    """Rows set aside because the model's prediction is not a finite number."""


@lru_cache(maxsize=2)
def load(registry: Any, version: ModelVersion) -> BatchScorer:
    """The verified model of a registry, kept for the other windows of a backfill: a version never changes."""
    with tempfile.TemporaryDirectory(prefix="mlmon-") as temporary:
        registry.export(version, Path(temporary) / "model")
        return BatchScorer.open(Path(temporary) / "model", version.number, version.digest)


def numbers_on(
    engine: "Spark", registry: Any, version: ModelVersion, settings: Settings
) -> "Callable[[BatchScorer, pa.Table], Numbers]":
    """The same scoring on Spark's workers, who reach the home of this installation under the same path."""

    def numbers(scorer: BatchScorer, table: "pa.Table") -> Numbers:
        from mlmon_dagster.adapters.batch.spark import numbers_on_spark

        with tempfile.TemporaryDirectory(prefix="mlmon-", dir=settings.home) as temporary:
            directory = Path(temporary) / "model"
            registry.export(version, directory)
            return numbers_on_spark(engine.session(), scorer, directory, table)

    return numbers


def numbers_here(scorer: BatchScorer, table: "pa.Table") -> Numbers:
    """In this process, piece by piece."""
    batches = table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS)
    return joined([scorer.numbers(batch) for batch in batches or [as_batch(table)]])


def carried(pipeline: Pipeline) -> tuple[str, ...]:
    """Columns that identify a row, whichever the model takes: keys, the labels' keys, and the time."""
    stages = pipeline.stages
    performance, rows = stages.model_monitoring.performance, stages.data_ingestion.source.rows
    labels = performance.labels.source.rows.key if performance else ()
    return tuple(dict.fromkeys((*stages.feature_store.key, *rows.key, *labels, *filter(None, [rows.time]))))


def score(
    scorer: BatchScorer,
    table: "pa.Table",
    carried: tuple[str, ...],
    probabilities: Probabilities | None = None,
    numbers: "Callable[[BatchScorer, pa.Table], Numbers]" = numbers_here,
) -> Scored:
    """What the live server would answer for every row; rows that it would refuse are set aside, for its reasons."""
    import pyarrow as pa

    check_columns(tuple(table.column_names), scorer, "the window")
    found = numbers(scorer, table)
    reasons = found.reasons if found.reasons is not None else pa.nulls(table.num_rows, pa.string())
    kept = table.filter(reasons.is_null())
    inputs = [column.name for column in scorer.inputs]
    rows = kept.select([name for name in dict.fromkeys((*carried, *inputs)) if name in table.column_names])
    for name, values in zip(ADDED, found.columns, strict=False):
        rows = rows.append_column(name, values)
    for name, chances in probabilities(kept.to_pandas()).items() if probabilities else ():
        rows = rows.append_column(name, pa.array(chances))
    rows = rows.append_column(VERSION, pa.array([scorer.version] * rows.num_rows, pa.int64()))
    aside = table.append_column(REASON, reasons).filter(reasons.is_valid())
    return Scored(rows, aside, found.invalid)


def statistics(scored: "pa.Table") -> dict[str, float]:
    """`predictions.mean|std|min|max` of numbers, their mean drift score and the share of highly unusual rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not scored.num_rows:
        return {}
    drift = scored.column(DRIFT)
    found = {
        "predictions.drift_score": float(pc.mean(drift).as_py()),
        "predictions.drift_high": float(pc.mean(pc.cast(pc.greater(drift, HIGH), pa.float64())).as_py()),
    }
    values = scored.column(PREDICTION).combine_chunks()
    if not pa.types.is_floating(values.type) and not pa.types.is_integer(values.type):
        return found
    extremes = pc.min_max(values).as_py()
    return found | {
        "predictions.mean": float(pc.mean(values).as_py()),
        "predictions.std": float(pc.stddev(values).as_py()),
        "predictions.min": float(extremes["min"]),
        "predictions.max": float(extremes["max"]),
    }
