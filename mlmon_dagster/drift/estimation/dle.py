"""Direct loss estimation: a small model of how wrong a regression is, by its inputs and its prediction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.drift.boosting import Trees, fit
from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.estimation.estimate import Estimate, Support
from mlmon_dagster.drift.multivariate.encoding import Encoder
from mlmon_dagster.drift.performance.outcomes import Outcomes
from mlmon_dagster.errors import DataError

FOLDS, LARGEST, NORMAL = 5, 20_000, 1.96

PREDICTION = "prediction"
"""The column that the prediction has among the inputs."""

LOSSES: Mapping[str, tuple[str, Callable[[float], float]]] = {
    "mae": ("absolute", float),
    "mse": ("square", float),
    "rmse": ("square", lambda mean: float(np.sqrt(max(mean, 0.0)))),
    "mape": ("relative", float),
}
"""Metric -> the loss of a row that it is a mean of, and what is made of the mean."""


@dataclass(frozen=True)
class Loss:
    """One loss: the trees that predict it, the trees of each fold's other rows, and the deviation around them.

    The deviation is relative to what is predicted: where losses are large they vary more.
    """

    trees: Trees
    folds: tuple[Trees, ...]
    deviation: float


@dataclass(frozen=True)
class Dle:
    """The mean of the losses that trees predict for a window's rows is the estimate.

    Its bounds join the error of labels which fall as they fall (the deviation around the trees over the square root of
    the rows) and that of the trees (by leaving out one fold after the other). True while the concept stays.
    Source: the idea is NannyML's direct loss estimation (2022); the learner is ours.
    """

    losses: Mapping[str, Loss]
    support: Support

    @classmethod
    def of(cls, outcomes: Outcomes, columns: Mapping[str, Any], metrics: tuple[str, ...]) -> "Dle":
        """From rows of the reference that the model did not learn from, with their inputs; deterministic."""
        wanted = dict.fromkeys(LOSSES[name][0] for name in metrics if name in LOSSES)
        if not wanted:
            raise DataError(f"none of {', '.join(metrics)} can be estimated without labels; {', '.join(LOSSES)} can be")
        every = -(-outcomes.rows // LARGEST)
        chosen = np.arange(0, outcomes.rows, every)
        truth, given = outcomes.take(chosen).numbers(next(iter(LOSSES)))
        inputs = {name: np.asarray(values)[chosen] for name, values in columns.items()} | {PREDICTION: given}
        codes = Encoder.of(inputs).codes(inputs)
        fold, losses, errors = np.arange(len(truth)) % FOLDS, {}, []
        for name in wanted:
            loss = _loss(name, truth, given)
            parts = tuple(fit(codes[fold != one], loss[fold != one], "squares") for one in range(FOLDS))
            unseen = np.empty(len(loss))
            for one, trees in enumerate(parts):
                unseen[fold == one] = trees.scores(codes[fold == one])
            floor = max(0.05 * float(loss.mean()), 1e-12)
            deviation = float(np.sqrt(np.mean(((loss - unseen) / np.maximum(unseen, floor)) ** 2)))
            losses[name] = Loss(fit(codes, loss, "squares"), parts, deviation)
            errors.append(_error(unseen, loss))
        return cls(losses, Support.of(inputs, given, max(errors)))

    def estimate(self, metric: str, outcomes: Outcomes, columns: Mapping[str, Any]) -> Estimate:
        """The estimate for a window; the outcomes' labels are not looked at."""
        if metric not in LOSSES or LOSSES[metric][0] not in self.losses:
            raise DataError(f"{metric} cannot be estimated without labels; {', '.join(LOSSES)} can be")
        name, finish = LOSSES[metric]
        given = outcomes.values(metric).astype(np.float64)
        inputs = {**columns, PREDICTION: given}
        codes, loss = self.support.encoder.codes(inputs), self.losses[name]
        expected = np.maximum(loss.trees.scores(codes), 0.0)
        mean = float(expected.mean())
        folds = np.array([trees.scores(codes).mean() for trees in loss.folds])
        between = np.sqrt((FOLDS - 1) / FOLDS * float(np.sum((folds - folds.mean()) ** 2)))
        within = loss.deviation * float(np.sqrt(np.sum(expected**2))) / len(given)
        spread = NORMAL * float(np.hypot(within, between))
        low, high = finish(max(mean - spread, 0.0)), finish(mean + spread)
        return Estimate(metric, finish(mean), low, high, self.support.parts(inputs, given))


def _loss(name: str, truth: Array, given: Array) -> Array:
    error = np.abs(truth - given)
    if name == "square":
        return np.asarray(error**2)
    if name == "absolute":
        return np.asarray(error)
    if (truth == 0).any():
        raise DataError("mape is an error relative to the label, and some labels are 0")
    return np.asarray(error / np.abs(truth))


def _error(expected: Array, loss: Array) -> float:
    """Mean difference of estimated and true loss over ten equally filled bins, relative to the mean loss, halved."""
    parts = np.array_split(np.argsort(expected, kind="stable"), 10)
    gaps = [abs(float(expected[part].mean() - loss[part].mean())) * len(part) for part in parts if len(part)]
    return float(np.sum(gaps) / len(loss) / max(float(loss.mean()), 1e-12) / 4)
