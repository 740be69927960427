"""A classifier that tries to tell the window from the reference."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.boosting import fit
from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.multivariate.encoding import BINS, Encoder
from mlmon_dagster.drift.multivariate.joint import JointMeasure, Learned, Table
from mlmon_dagster.drift.multivariate.matrix import thinned
from mlmon_dagster.drift.performance.scored import area_under_roc

FOLDS = 5

SHARED = (1 + FOLDS / (FOLDS - 1)) ** 0.5
"""How much more the mean over folds varies than folds of their own would: their trees share most rows (Nadeau and
Bengio, "Inference for the Generalization Error", 2003)."""


@dataclass(frozen=True)
class DomainClassifier:
    """How well small boosted trees tell rows of the window from those of the reference: 2 AUC - 1, 0 to 1.

    The AUC is the mean over five folds of rows that the trees did not see; the p-value joins the Mann-Whitney test of
    each fold. Of more than `rows` rows on a side every n-th is taken. The reference is kept as codes: the
    bins of its rows, not their values.
    Source: Friedman, "On Multivariate Goodness-of-Fit and Two-Sample Testing", 2003; Lopez-Paz and Oquab, "Revisiting
    Classifier Two-Sample Tests", 2017.
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "2 AUC - 1"

    rows: Annotated[int, Field(ge=100, le=100_000, description="rows of each side that are looked at")] = 5000
    trees: Annotated[int, Field(ge=1, le=500, description="trees of the classifier")] = 40

    def learn(self, reference: Table) -> Learned:
        encoder = Encoder.of(reference)
        codes = encoder.codes(thinned(reference, self.rows))
        about, edges = encoder.packed("edges.")
        return Learned({"encoder": about}, {**edges, "codes": codes})

    def measure(self, learned: Learned, window: Table) -> JointMeasure:
        from scipy.special import ndtr

        encoder = Encoder.unpacked(learned.about["encoder"], learned.arrays, "edges.")
        before, now = learned.arrays["codes"], encoder.codes(thinned(window, self.rows))
        codes = np.concatenate([before, now])
        target = np.concatenate([np.zeros(len(before)), np.ones(len(now))])
        fold = np.concatenate([np.arange(len(before)) % FOLDS, np.arange(len(now)) % FOLDS])
        areas, noises = [], []
        for one in range(FOLDS):
            inside = fold == one
            n, m = int((target[inside] == 0).sum()), int((target[inside] == 1).sum())
            if not n or not m:
                continue
            trees = fit(codes[~inside], target[~inside], "logistic", self.trees)
            areas.append(area_under_roc(target[inside] == 1, trees.scores(codes[inside])))
            noises.append((n + m + 1) / (12 * n * m))
        area = float(np.mean(areas))
        score = (area - 0.5) / (float(np.sqrt(np.sum(noises))) / len(noises) * SHARED)
        order = np.argsort(-_gaps(before, now), kind="stable")
        names = tuple(encoder.codings)
        value, numbers = max(0.0, 2 * area - 1), {"domain_classifier.auc": area}
        return JointMeasure(value, float(ndtr(-score)), numbers, tuple(names[one] for one in order))


def _gaps(before: Array, now: Array) -> Array:
    """For each column the largest difference of the two cumulative shares of its codes."""
    found = []
    for place in range(before.shape[1]):
        sides = [np.cumsum(np.bincount(side[:, place], minlength=BINS)) / len(side) for side in (before, now)]
        found.append(float(np.abs(sides[0] - sides[1]).max()))
    return np.array(found)
