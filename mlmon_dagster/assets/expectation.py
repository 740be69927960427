"""What to expect of a model that is being registered: its performance on rows it did not learn from, and all labels."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlmon_dagster.assets.estimate import fit_estimator
from mlmon_dagster.assets.labels import MINIMUM_LABELS, join_labels, performances, segment_performance
from mlmon_dagster.assets.outcomes import PREDICTION
from mlmon_dagster.assets.segments import loss_table
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.estimation.expectation import Expectation
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.monitoring import LABEL

if TYPE_CHECKING:
    import numpy
    import pyarrow


def expect(
    stage: StageRun,
    reference: "pyarrow.Table",
    predictions: "numpy.ndarray",
    unseen: "pyarrow.Table",
    inputs: Sequence[str],
) -> "tuple[Expectation, pyarrow.Table]":
    """The expectation from `unseen` rows (with inputs and predictions) and from the labels of the whole reference.

    Beside it those of the unseen rows that have a label, with it.

    Raises `InputError` when too few rows have a label, `DataError` where a metric has no meaning for them.
    """
    import pyarrow as pa

    declared = stage.pipeline.stages.model_monitoring.performance
    assert declared is not None  # noqa: S101 - otherwise nothing is unseen
    labelled = join_labels(stage, declared, unseen)
    if labelled.labels < MINIMUM_LABELS:
        raise InputError(
            f"{labelled.labels} rows of the reference have a label, {MINIMUM_LABELS} are needed to know the model's "
            f"{declared.metric}",
            hint="check the labels' `key` and `column`, or choose a longer reference",
        )
    kept = [name for name in reference.column_names if name != PREDICTION]
    everything = join_labels(stage, declared, reference.select(kept).append_column(PREDICTION, pa.array(predictions)))
    outcomes = performances(declared, labelled)
    estimator = fit_estimator(declared, outcomes, labelled.rows, inputs) if declared.estimate else None
    expectation = Expectation.of(outcomes, columns_of(everything.rows, [LABEL])[LABEL], estimator)
    table = loss_table(declared, labelled.rows, inputs) if inputs else None
    segments = segment_performance(stage, declared, labelled)
    return replace(expectation, segments=segments, losses=table), labelled.rows
