"""Feature-attribution drift: whether a model still leans on the features that it leaned on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import unknown


@dataclass(frozen=True)
class Attribution:
    """Mean absolute attribution of each feature: how far it moves a prediction, in the prediction's unit."""

    features: Mapping[str, float]

    @property
    def shares(self) -> dict[str, float]:
        """Each feature's share of all; nothing moves a constant model, so every share is then 0."""
        total = sum(self.features.values())
        return {name: value / total if total else 0.0 for name, value in self.features.items()}


@dataclass(frozen=True)
class AttributionDrift:
    """`value` is 1 - NDCG, from 0 for the same order of features to 1; `moved`: features by their share's change."""

    value: float
    moved: Mapping[str, float]


def attribution_drift(reference: Attribution, window: Attribution) -> AttributionDrift:
    """How far the window's order of features is from the reference's, by what the reference's features were worth.

    Features are put in the window's order; each is worth its reference attribution, divided by log2(place + 1). NDCG
    is the sum over that of the reference's own order. `DataError` for another set of features.
    Source: Jaervelin and Kekaelaeinen, "Cumulated gain-based evaluation of IR techniques", 2002; SageMaker Clarify
    calls it drift below an NDCG of 0.9.

    >>> before = Attribution({"size": 3.0, "age": 1.0})
    >>> attribution_drift(before, Attribution({"size": 9.0, "age": 8.0})).value
    0.0
    >>> round(attribution_drift(before, Attribution({"size": 1.0, "age": 2.0})).value, 3)
    0.203
    """
    for name in reference.features:
        if name not in window.features:
            raise DataError(unknown("feature of the window", name, tuple(window.features)))
    names = tuple(reference.features)
    worth = np.array([reference.features[name] for name in names])
    now = np.array([window.features[name] for name in names])
    discount = 1 / np.log2(np.arange(len(names)) + 2)
    best = float(np.sum(np.sort(worth)[::-1] * discount))
    found = float(np.sum(worth[np.lexsort((-worth, -now))] * discount))
    before, after = reference.shares, window.shares
    moved = {name: after[name] - before[name] for name in sorted(names, key=lambda one: -abs(after[one] - before[one]))}
    return AttributionDrift(1 - found / best if best else 0.0, moved)
