"""Metrics of predicted classes: how often they are the labels."""

from collections.abc import Mapping

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.performance.outcomes import Metric, Outcomes
from mlmon_dagster.errors import DataError


def accuracy(outcomes: Outcomes) -> float:
    """Share of predictions that are the label, for any number of classes."""
    return float((outcomes.labels == outcomes.values("accuracy")).mean())


def balanced_accuracy(outcomes: Outcomes) -> float:
    """Mean over the labels' classes of the share of them that is predicted: each class counts the same."""
    _, hits, labelled, _ = _by_class(outcomes, "balanced_accuracy")
    there = labelled > 0
    return float((hits[there] / labelled[there]).mean())


def precision(outcomes: Outcomes) -> float:
    """Share of the predicted positives that are positive; without a meaning where none is predicted."""
    truth, given = outcomes.hits("precision")
    if not given.any():
        raise DataError(f"precision has no meaning: {outcomes.positive!r} was never predicted")
    return float((truth & given).sum() / given.sum())


def recall(outcomes: Outcomes) -> float:
    """Share of the positives that are predicted; without a meaning where there is none."""
    truth, given = outcomes.hits("recall")
    if not truth.any():
        raise DataError(f"recall has no meaning: no label is {outcomes.positive!r}")
    return float((truth & given).sum() / truth.sum())


def f1(outcomes: Outcomes) -> float:
    """Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN)."""
    truth, given = outcomes.hits("f1")
    if not (truth | given).any():
        raise DataError(f"f1 has no meaning: {outcomes.positive!r} was neither predicted nor labelled")
    return float(2 * (truth & given).sum() / (truth.sum() + given.sum()))


def f1_macro(outcomes: Outcomes) -> float:
    """Mean of the F1 of all classes: each class counts the same."""
    _, hits, labelled, given = _by_class(outcomes, "f1_macro")
    return float((2 * hits / (labelled + given)).mean())


def f1_weighted(outcomes: Outcomes) -> float:
    """Mean of the F1 of all classes, weighted by their number of labels."""
    _, hits, labelled, given = _by_class(outcomes, "f1_weighted")
    return float(np.average(2 * hits / (labelled + given), weights=labelled))


def _by_class(outcomes: Outcomes, metric: str) -> tuple[Array, Array, Array, Array]:
    """All classes that occur, and for each the hits, the labels and the predictions."""
    predicted = outcomes.values(metric)
    classes = np.unique(np.concatenate([np.unique(outcomes.labels), np.unique(predicted)]))
    truth, given = np.searchsorted(classes, outcomes.labels), np.searchsorted(classes, predicted)
    count = len(classes)
    hits = np.bincount(truth[truth == given], minlength=count)
    return classes, hits, np.bincount(truth, minlength=count), np.bincount(given, minlength=count)


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric("classes", "higher", "values", accuracy),
    "balanced_accuracy": Metric("classes", "higher", "values", balanced_accuracy),
    "precision": Metric("binary", "higher", "values", precision),
    "recall": Metric("binary", "higher", "values", recall),
    "f1": Metric("binary", "higher", "values", f1),
    "f1_macro": Metric("classes", "higher", "values", f1_macro),
    "f1_weighted": Metric("classes", "higher", "values", f1_weighted),
}
