"""How good predictions are, once their labels are there."""

from typing import Any, Literal

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import unknown

PERFORMANCE: dict[str, Literal["higher", "lower"]] = {
    "mae": "lower",
    "rmse": "lower",
    "r2": "higher",
    "accuracy": "higher",
    "f1": "higher",
    "roc_auc": "higher",
}
"""Performance metrics, and which way is better; their definitions are scikit-learn's."""


def measure(metric: str, labels: Any, predictions: Any) -> float:
    """One performance metric of predictions against labels (both one-dimensional, equally long, nothing missing).

    `f1` and `roc_auc` are for labels 0 and 1; `roc_auc` takes scores, the others predicted values.

    >>> measure("mae", [1.0, 2.0], [1.5, 2.0])
    0.25
    """
    if metric not in PERFORMANCE:
        raise DataError(unknown("performance metric", metric, tuple(PERFORMANCE)))
    truth, given = np.asarray(labels), np.asarray(predictions)
    if truth.shape != given.shape or truth.ndim != 1:
        raise DataError(f"{metric} needs one label for each prediction, got shapes {truth.shape} and {given.shape}")
    if not len(truth):
        raise DataError(f"{metric} needs at least one label; there is none")
    return float(_MEASURES[metric](truth, given))


def _mae(truth: Array, given: Array) -> float:
    return float(np.abs(truth - given).mean())


def _rmse(truth: Array, given: Array) -> float:
    return float(np.sqrt(np.square(truth - given).mean()))


def _r2(truth: Array, given: Array) -> float:
    total = float(np.square(truth - truth.mean()).sum())
    residual = float(np.square(truth - given).sum())
    if total == 0:
        return 1.0 if residual == 0 else 0.0
    return 1.0 - residual / total


def _accuracy(truth: Array, given: Array) -> float:
    return float((truth == given).mean())


def _f1(truth: Array, given: Array) -> float:
    hits = int(((truth == 1) & (given == 1)).sum())
    wrong = int(((truth == 1) != (given == 1)).sum())
    return 2 * hits / (2 * hits + wrong) if hits + wrong else 0.0


def _roc_auc(truth: Array, given: Array) -> float:
    """Share of pairs (positive, negative) in the right order, ties half: the Mann-Whitney statistic."""
    positive, negative = np.sort(given[truth == 1]), np.sort(given[truth != 1])
    if not len(positive) or not len(negative):
        raise DataError("roc_auc needs labels of both classes")
    below = np.searchsorted(negative, positive, side="left").sum()
    upto = np.searchsorted(negative, positive, side="right").sum()
    return float((below + upto) / (2 * len(positive) * len(negative)))


_MEASURES = {"mae": _mae, "rmse": _rmse, "r2": _r2, "accuracy": _accuracy, "f1": _f1, "roc_auc": _roc_auc}
