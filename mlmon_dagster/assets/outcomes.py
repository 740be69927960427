"""Rows with predictions and labels, as the outcomes that a performance metric takes."""

from typing import TYPE_CHECKING, Any

from mlmon_dagster.assets.probabilities import read_probabilities
from mlmon_dagster.drift.performance import PERFORMANCE, Outcomes
from mlmon_dagster.drift.performance.classes import class_name, class_names
from mlmon_dagster.pipeline.monitoring import LABEL

if TYPE_CHECKING:
    import pyarrow

PREDICTION = "prediction"


def outcomes_of(metric: str, rows: "pyarrow.Table", positive: Any = None) -> Outcomes:
    """Outcomes of rows that have both: numbers for regression, else classes by name and what probabilities there are.

    Without a declared one the positive class is the greater of two known ones, else `1`.
    """
    labels, predictions = (rows[name].to_numpy(zero_copy_only=False) for name in (LABEL, PREDICTION))
    if PERFORMANCE[metric].task == "regression":
        return Outcomes.of(labels, predictions)
    found = read_probabilities(rows)
    classes, chances = found if found else (None, None)
    scores = PERFORMANCE[metric].takes == "scores" and chances is None
    target = class_name(positive) if positive is not None else classes[-1] if classes and len(classes) == 2 else "1"
    return Outcomes.of(
        class_names(labels),
        predictions if scores else class_names(predictions),
        probabilities=chances,
        classes=classes,
        positive=target,
    )
