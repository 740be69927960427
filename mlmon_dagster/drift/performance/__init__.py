"""How good predictions are once their labels are there; the definitions are scikit-learn's.

A metric without a meaning for the rows at hand (an AUC of one class, a percentage of zero) is an error that says so,
never a number.
"""

from collections.abc import Mapping
from typing import Any

from mlmon_dagster.drift.performance import labelled, numeric, scored
from mlmon_dagster.drift.performance.outcomes import Metric, Outcomes
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import unknown

PERFORMANCE: Mapping[str, Metric] = {**numeric.METRICS, **labelled.METRICS, **scored.METRICS}
"""Name -> the metric; see `Metric` for what it takes and which way is better."""

__all__ = ["PERFORMANCE", "Metric", "Outcomes", "measure", "measure_outcomes"]


def measure(metric: str, labels: Any, predictions: Any = None, **more: Any) -> float:
    """One performance metric of predictions against labels; `more` are the other fields of `Outcomes`.

    >>> measure("mae", [1.0, 2.0], [1.5, 2.0])
    0.25
    >>> measure("roc_auc", [0, 1, 1], probabilities=[0.2, 0.1, 0.9])
    0.5
    """
    return measure_outcomes(metric, Outcomes.of(labels, predictions, **more))


def measure_outcomes(metric: str, outcomes: Outcomes) -> float:
    """One performance metric of these outcomes; `DataError` where it has no meaning."""
    if metric not in PERFORMANCE:
        raise DataError(unknown("performance metric", metric, tuple(PERFORMANCE)))
    if not outcomes.rows:
        raise DataError(f"{metric} needs at least one label; there is none")
    return float(PERFORMANCE[metric].measure(outcomes))
