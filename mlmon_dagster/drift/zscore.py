"""How unusual a single record is: the distance of each of its features from the reference, in standard deviations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import unknown

MODERATE, HIGH = 1.0, 2.0
"""Mean |z| from which a record is moderate, and above which it is high (requirements 7.6, 7.7)."""


@dataclass(frozen=True)
class RecordScore:
    """The score of one record: per-feature |z|, their mean and their largest, and the band of the mean."""

    mean: float
    largest: float
    features: Mapping[str, float]
    band: Literal["normal", "moderate", "high"]


@dataclass(frozen=True)
class Baseline:
    """Means and standard deviations of the reference's numeric features."""

    means: Mapping[str, float]
    stds: Mapping[str, float]

    @classmethod
    def of(cls, profile: Profile, features: tuple[str, ...]) -> "Baseline":
        """The baseline of those of the features that are numeric; a feature the profile lacks is an error."""
        for name in features:
            if name not in profile.columns:
                raise DataError(unknown("column of the reference", name, tuple(profile.columns)))
        numeric = {name: profile.columns[name] for name in features if profile.columns[name].kind == "numeric"}
        if not numeric:
            raise DataError(f"none of the features {', '.join(features)} is numeric: a record cannot be scored")
        return cls({name: one.mean for name, one in numeric.items()}, {name: one.std for name, one in numeric.items()})


def record_score(baseline: Baseline, record: Mapping[str, float | None]) -> RecordScore:
    """The score of a record (requirements 7.5 to 7.7, A3).

    Missing values do not count; a constant feature scores 0 where it is as ever and `HIGH` where it is not.
    A feature of the baseline that the record lacks is an error, and so is a record without a single value:
    there is no score without evidence.

    >>> baseline = Baseline({"age": 24.7}, {"age": 14.8})
    >>> round(record_score(baseline, {"age": 10.0}).mean, 2)
    0.99
    """
    features = {}
    for name, mean in baseline.means.items():
        if name not in record:
            raise DataError(unknown("feature in the record", name, tuple(record)))
        value = record[name]
        if value is not None and value == value:
            features[name] = _score(float(value), mean, baseline.stds[name])
    if not features:
        raise DataError("every numeric feature of the record is missing: there is nothing to score")
    mean_score = sum(features.values()) / len(features)
    return RecordScore(mean_score, max(features.values()), features, band(mean_score))


def band(score: float) -> Literal["normal", "moderate", "high"]:
    """The band of a mean |z|: below 1 normal, to 2 moderate, above high."""
    if score < MODERATE:
        return "normal"
    return "high" if score > HIGH else "moderate"


def _score(value: float, mean: float, std: float) -> float:
    if std > 0:
        return abs(value - mean) / std
    return 0.0 if value == mean else HIGH
