"""Metrics of scores and probabilities: how well they order, and how well they are meant."""

from collections.abc import Mapping

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.performance.outcomes import Metric, Outcomes
from mlmon_dagster.drift.ranking import ranked
from mlmon_dagster.errors import DataError


def roc_auc(outcomes: Outcomes) -> float:
    """Share of pairs (positive, negative) that scores put in the right order, ties half; exact.

    Source: Mann and Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger", 1947.
    """
    return area_under_roc(*outcomes.scores("roc_auc"))


def roc_auc_ovr(outcomes: Outcomes) -> float:
    """Mean over all classes of the AUC of that class against the rest."""
    places, chances = outcomes.chances("roc_auc_ovr")
    missing = [str(name) for place, name in enumerate(outcomes.classes) if not (places == place).any()]
    if missing:
        raise DataError(f"roc_auc_ovr needs labels of every class; there is none of {', '.join(missing[:5])}")
    return float(np.mean([area_under_roc(places == place, chances[:, place]) for place in range(chances.shape[1])]))


def average_precision(outcomes: Outcomes) -> float:
    """Sum over thresholds of precision times the gain in recall: the area under the precision-recall steps."""
    truth, scores = outcomes.scores("average_precision")
    if not truth.any():
        raise DataError(f"average_precision needs a label that is {outcomes.positive!r}; there is none")
    order = np.argsort(scores)[::-1]
    ordered, hits = scores[order], np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    return float(np.dot(hits[last] / (last + 1), np.diff(hits[last], prepend=0)) / hits[-1])


def log_loss(outcomes: Outcomes) -> float:
    """Mean of -ln of the probability given to the label, in nats; probabilities are kept off 0 and 1 by 2.2e-16."""
    places, chances = outcomes.chances("log_loss")
    smallest = np.finfo(np.float64).eps
    given = np.clip(chances / chances.sum(axis=1, keepdims=True), smallest, 1 - smallest)
    return float(-np.log(given[np.arange(len(places)), places]).mean())


def brier(outcomes: Outcomes) -> float:
    """Mean squared difference of the positive class's probability and what came: 0 to 1."""
    truth, scores = outcomes.scores("brier")
    if scores.min() < 0 or scores.max() > 1:
        raise DataError(f"brier is for probabilities; scores go from {scores.min():g} to {scores.max():g}")
    return float(np.square(scores - truth).mean())


def area_under_roc(truth: Array, scores: Array) -> float:
    """The AUC of scores for a condition that holds in some rows and not in others; `DataError` unless both occur."""
    if truth.all() or not truth.any():
        raise DataError("roc_auc needs labels of both classes")
    return ranked(truth, scores).area


METRICS: Mapping[str, Metric] = {
    "roc_auc": Metric("binary", "higher", "scores", roc_auc),
    "roc_auc_ovr": Metric("classes", "higher", "chances", roc_auc_ovr),
    "average_precision": Metric("binary", "higher", "scores", average_precision),
    "log_loss": Metric("classes", "lower", "chances", log_loss),
    "brier": Metric("binary", "lower", "scores", brier),
}
