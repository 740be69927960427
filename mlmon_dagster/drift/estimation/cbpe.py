"""Confidence-based performance estimation: what a classifier's own probabilities let one expect."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.estimation.calibration import Calibrator, calibration_error, cross_calibrated
from mlmon_dagster.drift.estimation.estimate import Estimate, Support
from mlmon_dagster.drift.performance import PERFORMANCE, measure_outcomes
from mlmon_dagster.drift.performance.outcomes import Outcomes
from mlmon_dagster.errors import DataError

DRAWS, RESAMPLES = 100, 20
"""Labels drawn for each row, and resamples of the reference that the calibration is fitted on again."""

LARGEST = 20_000
"""Rows of a window, or of the reference, that are looked at; of more, every n-th."""

NORMAL = 1.96


@dataclass(frozen=True)
class Cbpe:
    """Labels are drawn from calibrated probabilities, and the metric is measured on each draw.

    The mean over draws is the estimate. Its bounds join two errors: that of labels which fall as they fall (the
    deviation over draws) and that of the calibration (the deviation over calibrations of the reference's resamples).
    True while the concept stays: the same inputs must have the same labels as often as on the reference.
    Source: the idea is NannyML's (Kulesza and others, 2022); drawing labels gives every metric without a formula of
    its own.
    """

    classes: tuple[str, ...]
    calibrators: tuple[Calibrator, ...]
    resampled: tuple[tuple[Calibrator, ...], ...]
    support: Support

    @classmethod
    def of(cls, outcomes: Outcomes, columns: Mapping[str, Any]) -> "Cbpe":
        """From rows of the reference that the model did not learn from, with their inputs; deterministic."""
        if outcomes.probabilities is None:
            raise DataError("performance of classes is estimated from probabilities; the model gives none")
        outcomes, columns = _thinned(outcomes, columns)
        chances, classes = _probabilities(outcomes), tuple(map(str, outcomes.classes))
        hits = [(outcomes.labels == name).astype(np.float64) for name in outcomes.classes]
        random, rows = np.random.default_rng(0), outcomes.rows
        samples = [random.integers(0, rows, rows) for _ in range(RESAMPLES)]
        calibrators = tuple(Calibrator.chosen(chances[:, one], hits[one]) for one in range(len(classes)))
        resampled = tuple(
            tuple(Calibrator.of(chances[sample, one], hits[one][sample]) for one in range(len(classes)))
            for sample in samples
        )
        error = max(
            calibration_error(cross_calibrated(chances[:, one], hits[one]), hits[one]) for one in range(len(classes))
        )
        return cls(classes, calibrators, resampled, Support.of(columns, _score(chances), error))

    def estimate(self, metric: str, outcomes: Outcomes, columns: Mapping[str, Any]) -> Estimate:
        """The estimate for a window; the outcomes' labels are not looked at.

        Raises `DataError` for a metric of numbers, and where draws give it no meaning.
        """
        if PERFORMANCE[metric].task == "regression":
            raise DataError(f"{metric} is a metric of numbers; classes have other ones")
        rows = outcomes.rows
        parts = self.support.parts(columns, _score(_probabilities(outcomes)))
        thin, _ = _thinned(outcomes, {})
        values = self._draws(metric, thin, self.calibrators, DRAWS)
        if len(values) < DRAWS / 2:
            raise DataError(f"{metric} cannot be estimated: most draws of labels give it no meaning")
        again = [self._draws(metric, thin, one, DRAWS // RESAMPLES) for one in self.resampled]
        between = float(np.std([np.mean(found) for found in again if len(found)]))
        within = float(np.std(values)) * np.sqrt(thin.rows / rows)
        spread = NORMAL * float(np.hypot(within, between))
        value = float(np.mean(values))
        return Estimate(metric, value, value - spread, value + spread, parts)

    def _draws(self, metric: str, outcomes: Outcomes, calibrators: tuple[Calibrator, ...], draws: int) -> Array:
        """The metric on each draw. Draws are spread evenly over each row's chances, so that few of them say much."""
        chances = _probabilities(outcomes)
        calibrated = np.column_stack([one.apply(chances[:, place]) for place, one in enumerate(calibrators)])
        calibrated = np.maximum(calibrated, 1e-12)
        below = np.cumsum(calibrated / calibrated.sum(axis=1, keepdims=True), axis=1)
        start = np.random.default_rng(1).permutation(outcomes.rows) / outcomes.rows
        shuffles, found = np.random.default_rng(2), []
        names = np.array(outcomes.classes)
        turn = shuffles.permuted(np.tile(np.arange(draws), (outcomes.rows, 1)), axis=1) / draws
        for draw in range(draws):
            level = (start + turn[:, draw]) % 1.0
            places = np.minimum((level[:, None] >= below).sum(axis=1), len(names) - 1)
            drawn = Outcomes(names[places], outcomes.predictions, chances, outcomes.classes, outcomes.positive)
            try:
                found.append(measure_outcomes(metric, drawn))
            except DataError:
                continue
        return np.array(found)


def _probabilities(outcomes: Outcomes) -> Array:
    if outcomes.probabilities is None:
        raise DataError("performance of classes is estimated from probabilities; the model gives none")
    return outcomes.probabilities


def _score(chances: Array) -> Array:
    """What tells rows apart: the probability of the last of two classes, else the largest."""
    return chances[:, -1] if chances.shape[1] == 2 else chances.max(axis=1)


def _thinned(outcomes: Outcomes, columns: Mapping[str, Any]) -> tuple[Outcomes, dict[str, Any]]:
    every = -(-outcomes.rows // LARGEST)
    if every <= 1:
        return outcomes, dict(columns)
    rows = np.arange(0, outcomes.rows, every)
    return outcomes.take(rows), {name: np.asarray(values)[rows] for name, values in columns.items()}
