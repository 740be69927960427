"""Calibration: probabilities that come true as often as they say."""

from dataclasses import dataclass

import numpy as np

from mlmon_dagster.drift.column import Array

FOLDS = 5
BINS = 10
"""Equally filled bins in which probabilities are compared with what came."""


@dataclass(frozen=True)
class Calibrator:
    """Scores to probabilities: linear between knots, flat outside of them."""

    scores: Array
    chances: Array

    @classmethod
    def of(cls, scores: Array, hits: Array) -> "Calibrator":
        """The non-decreasing function nearest to what came: isotonic regression by pooling adjacent violators.

        Source: Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates",
        2002. Ties are pooled first, as scikit-learn does.
        """
        from scipy.optimize import isotonic_regression

        distinct, places = np.unique(scores, return_inverse=True)
        counts = np.bincount(places)
        means = np.bincount(places, weights=hits) / counts
        fitted = np.asarray(isotonic_regression(means, weights=counts).x)
        steps = np.concatenate([[True], fitted[1:] != fitted[:-1]])
        ends = np.concatenate([fitted[1:] != fitted[:-1], [True]])
        kept = steps | ends
        return cls(distinct[kept].astype(np.float64), fitted[kept])

    @classmethod
    def identity(cls) -> "Calibrator":
        """Leaves probabilities as they are."""
        return cls(np.array([0.0, 1.0]), np.array([0.0, 1.0]))

    @classmethod
    def chosen(cls, scores: Array, hits: Array) -> "Calibrator":
        """The calibrator of these rows, if on rows that it did not see it is nearer than the scores themselves."""
        unseen = cross_calibrated(scores, hits)
        better = np.square(unseen - hits).mean() < np.square(np.clip(scores, 0, 1) - hits).mean()
        return cls.of(scores, hits) if better else cls.identity()

    def apply(self, scores: Array) -> Array:
        """The probability of each score."""
        return np.interp(scores, self.scores, self.chances)


def cross_calibrated(scores: Array, hits: Array) -> Array:
    """Each row's probability by a calibrator of the other folds; folds are every fifth row."""
    fold, found = np.arange(len(scores)) % FOLDS, np.empty(len(scores))
    for one in range(FOLDS):
        inside = fold == one
        found[inside] = Calibrator.of(scores[~inside], hits[~inside]).apply(scores[inside])
    return found


def calibration_error(chances: Array, hits: Array) -> float:
    """Mean difference of probability and frequency over ten equally filled bins: 0 is perfect.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015.
    """
    order = np.argsort(chances, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    gaps = [abs(float(chances[part].mean()) - float(hits[part].mean())) * len(part) for part in parts]
    return float(np.sum(gaps) / len(chances))
