"""The score of one record: the published numbers (requirements A3), and no score without evidence."""

import pytest

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.zscore import Baseline, band, record_score
from mlmon_dagster.errors import DataError

NAMES = ("bedrooms", "bathrooms", "sqft", "age", "location_score")
BASELINE = Baseline(
    dict(zip(NAMES, (3.04, 1.99, 1998.0, 24.7, 5.53), strict=True)),
    dict(zip(NAMES, (1.44, 0.82, 496.0, 14.8, 2.60), strict=True)),
)


@pytest.mark.parametrize(
    ("record", "mean", "features", "expected"),
    [
        ((3, 2, 2000, 10, 7), 0.321, (0.03, 0.01, 0.00, 0.99, 0.57), "normal"),
        ((3, 2, 2000, 25, 5.5), 0.015, (0.03, 0.01, 0.00, 0.02, 0.01), "normal"),
        ((10, 8, 5000, 0, 10), 4.321, (4.83, 7.33, 6.05, 1.67, 1.72), "high"),
        ((1, 1, 400, 80, 1), 2.265, (1.42, 1.21, 3.22, 3.74, 1.74), "high"),
    ],
)
def test_the_published_scores(
    record: tuple[float, ...], mean: float, features: tuple[float, ...], expected: str
) -> None:
    score = record_score(BASELINE, dict(zip(NAMES, record, strict=True)))
    assert score.mean == pytest.approx(mean, abs=5e-4)
    assert tuple(score.features.values()) == pytest.approx(features, abs=5e-3)
    assert (score.band, score.largest) == (expected, max(score.features.values()))


@pytest.mark.parametrize(("score", "name"), [(0.99, "normal"), (1.0, "moderate"), (2.0, "moderate"), (2.01, "high")])
def test_the_bands(score: float, name: str) -> None:
    assert band(score) == name


def test_a_feature_that_is_missing_by_name_is_an_error() -> None:
    with pytest.raises(DataError, match="did you mean Age"):
        record_score(BASELINE, {"bedrooms": 3, "bathrooms": 2, "sqft": 2000, "Age": 10, "location_score": 7})


def test_a_record_without_a_single_value_has_no_score() -> None:
    with pytest.raises(DataError, match="nothing to score"):
        record_score(BASELINE, dict.fromkeys(NAMES))


def test_a_baseline_comes_from_the_profile_and_lacks_nothing() -> None:
    profile = Profile.of({"age": Column.of("age", [1.0, 3.0]), "city": Column.of("city", ["a", "b"])})
    assert Baseline.of(profile, ("age", "city")).means == {"age": 2.0}
    with pytest.raises(DataError, match="no column of the reference called 'size'"):
        Baseline.of(profile, ("size",))
    with pytest.raises(DataError, match="none of the features"):
        Baseline.of(profile, ("city",))


def test_a_constant_feature_that_changes_is_high() -> None:
    baseline = Baseline({"floor": 1.0}, {"floor": 0.0})
    assert record_score(baseline, {"floor": 1.0}).mean == 0.0
    assert record_score(baseline, {"floor": 2.0}).mean == 2.0
