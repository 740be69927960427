"""Scores of many records: numbers by their distance from the reference, categories and gaps by their rarity in it."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.zscore import HIGH
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import unknown

QUANTILES = 1_000
"""Points that a calibration keeps of a score's distribution on the reference."""

Array = np.ndarray[Any, np.dtype[np.float64]]


def rarity(share: float) -> float:
    """|z| of a standard normal number that is at least as extreme with probability `share`.

    >>> round(rarity(0.05), 2), rarity(1.0)
    (1.96, 0.0)
    """
    return max(0.0, -NormalDist().inv_cdf(min(1.0, share) / 2))


@dataclass(frozen=True)
class FeatureScore:
    """How one feature is scored. `kind` is `number`, `category`, or `unscored` for moments."""

    kind: str
    mean: float = 0.0
    scale: float = 0.0
    """1 / standard deviation; 0 for a feature that never varied."""
    categories: Mapping[Any, float] | None = None
    """Category -> |z| of a normal number as rare as this category and all rarer ones together."""
    unseen: float = 0.0
    """|z| of a category that the reference never had."""
    missing: float = 0.0
    """|z| of a missing value."""

    @classmethod
    def of(cls, column: Column) -> "FeatureScore":
        """From the reference's column. What it never had counts as one row in as many as it has, and one more."""
        never = 1 / (column.rows + 1)
        missing = rarity(column.missing / column.rows or never)
        if column.kind == "datetime":
            return cls("unscored", missing=missing)
        if column.kind == "numeric":
            return cls("number", column.mean, 1 / column.std if column.std > 0 else 0.0, missing=missing)
        unnamed = max(column.other / column.rows, never)
        return cls("category", categories=_categories(column), unseen=rarity(unnamed), missing=missing)

    def score(self, value: Any) -> float:
        """|z| of a value; 0 for a moment."""
        if value is None or value != value:
            return self.missing
        if self.kind == "number":
            if self.scale:
                return float(abs(value - self.mean) * self.scale)
            return 0.0 if value == self.mean else HIGH
        if self.categories is None:
            return 0.0
        return self.categories.get(value, self.unseen)

    def scores(self, values: Array) -> Array:
        """|z| of numbers (booleans as 0 and 1), NaN where a value is missing; the same as one by one."""
        if self.kind == "category":
            return np.array([self.score(None if value != value else bool(value)) for value in values.tolist()])
        if self.kind != "number":
            return np.zeros(len(values))
        found = np.abs(values - self.mean) * self.scale if self.scale else np.where(values == self.mean, 0.0, HIGH)
        return np.where(np.isnan(values), self.missing, found)


def _categories(column: Column) -> Mapping[Any, float]:
    values: list[Any] = column.values.tolist()
    if column.kind == "boolean":
        values = [bool(value) for value in values]
    shares = column.counts / column.rows
    order = np.argsort(shares, kind="stable")
    tails = np.cumsum(shares[order])
    together = tails[np.searchsorted(shares[order], shares, side="right") - 1]
    return {value: rarity(float(tail)) for value, tail in zip(values, together, strict=True)}


@dataclass(frozen=True)
class Calibration:
    """How scores are distributed on the reference: points of the mean, the largest |z|, and the smaller of their tails.

    A record's p-value is the share of the reference's records that are at least as unusual, by the mean or by the
    largest score, whichever is rarer: uniform for records like the reference's (to the resolution of 1,000 points).
    """

    mean: tuple[float, ...]
    largest: tuple[float, ...]
    rarer: tuple[float, ...]

    @classmethod
    def of(cls, means: Array, largest: Array) -> "Calibration":
        """From the scores of the reference's records."""
        if not len(means):
            raise DataError("no record of the reference has a score, so none can be calibrated")
        first, second = _points(means), _points(largest)
        tails = [min(_tail(first, m), _tail(second, x)) for m, x in zip(means.tolist(), largest.tolist(), strict=True)]
        return cls(first, second, _points(np.array(tails)))

    def p_value(self, mean: float, largest: float) -> float:
        """The share of the reference's records that are at least as unusual; never 0."""
        points = self.rarer
        tail = min(_tail(self.mean, mean), _tail(self.largest, largest))
        return max(1, bisect_left(points, tail * 1.000000001)) / (len(points) + 1)


def _points(values: Array) -> tuple[float, ...]:
    ordered = np.sort(values)
    chosen = np.linspace(0, len(ordered) - 1, min(QUANTILES, len(ordered))).round().astype(int)
    return tuple(map(float, ordered[chosen]))


def _tail(points: Sequence[float], value: float) -> float:
    return (len(points) - bisect_left(points, value) + 1) / (len(points) + 1)


@dataclass(frozen=True)
class RecordScorer:
    """Scores records against a reference.

    The mean is over the numeric features (requirement 7.5), or over all where none is a number; the largest is over
    all. A record has a score as soon as the model has a feature that can be scored.
    """

    features: tuple[FeatureScore, ...]

    @classmethod
    def of(cls, profile: Profile, names: Sequence[str]) -> "RecordScorer":
        """For these features in this order; `DataError` for one that the profile lacks, or when none can be scored."""
        for name in names:
            if name not in profile.columns:
                raise DataError(unknown("column of the reference", name, tuple(profile.columns)))
        features = tuple(FeatureScore.of(profile.columns[name]) for name in names)
        if all(feature.kind == "unscored" for feature in features):
            raise DataError(f"none of the features {', '.join(names)} can be scored: they are moments")
        return cls(features)

    @property
    def averaged(self) -> tuple[int, ...]:
        """Places of the features that the mean is over."""
        numbers = tuple(place for place, one in enumerate(self.features) if one.kind == "number")
        return numbers or self.scored

    @property
    def scored(self) -> tuple[int, ...]:
        """Places of the features that have a score."""
        return tuple(place for place, one in enumerate(self.features) if one.kind != "unscored")

    def row(self, values: Sequence[Any]) -> tuple[list[float], float, float]:
        """(|z| of every feature, their mean, the largest) of one record's values."""
        scores = [feature.score(value) for feature, value in zip(self.features, values, strict=True)]
        total = 0.0
        for place in self.averaged:
            total += scores[place]
        return scores, total / len(self.averaged), max(scores)

    def rows(self, matrix: Array) -> tuple[Array, Array, Array]:
        """(|z| (n, features), means (n,), largest (n,)) of float64 records; to the bit what `row` gives."""
        scores = np.empty_like(matrix, order="F")
        for place, feature in enumerate(self.features):
            scores[:, place] = feature.scores(matrix[:, place])
        return scores, *self.together(scores)

    def together(self, scores: Array) -> tuple[Array, Array]:
        """(means (n,), largest (n,)) of the scores of every feature (n, features); to the bit what `row` gives."""
        total = np.zeros(len(scores))
        for place in self.averaged:
            total += scores[:, place]
        return total / len(self.averaged), scores.max(axis=1)
