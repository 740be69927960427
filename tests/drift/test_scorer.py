"""Scores of records: numbers, categories, gaps, and how rare they are on the reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.scorer import Calibration, FeatureScore, RecordScorer, rarity
from mlmon_dagster.drift.zscore import Baseline, record_score
from mlmon_dagster.errors import DataError

MEANS = (2.98, 2.01, 2003.0, 24.7, 5.49)
STDS = (1.453, 0.818, 496.0, 14.8, 2.64)
random = np.random.default_rng(5)


def _scorer(**columns):
    profile = Profile.of({name: Column.of(name, values) for name, values in columns.items()})
    return RecordScorer.of(profile, tuple(columns))


def _calibrated(scorer, matrix):
    return Calibration.of(*scorer.rows(matrix)[1:])


@pytest.mark.parametrize(
    ("record", "mean"),
    [((3, 2, 2000, 10, 7), 0.321), ((3, 2, 2000, 25, 5.5), 0.015), ((10, 8, 5000, 0, 10), 4.321),
     ((1, 1, 400, 80, 1), 2.265)],
)  # fmt: skip
def test_the_mean_score_is_that_of_the_requirements(record, mean):
    scorer = RecordScorer(tuple(FeatureScore("number", m, 1 / s) for m, s in zip(MEANS, STDS, strict=True)))
    assert scorer.row(record)[1] == pytest.approx(mean, abs=0.02)


def test_for_numbers_it_agrees_with_the_score_of_a_single_record():
    columns = {"a": random.normal(3, 2, 500), "b": random.normal(0, 1, 500)}
    scorer = _scorer(**columns)
    profile = Profile.of({name: Column.of(name, values) for name, values in columns.items()})
    expected = record_score(Baseline.of(profile, ("a", "b")), {"a": 9.0, "b": -1.0})
    scores, mean, largest = scorer.row([9.0, -1.0])
    assert (mean, largest) == pytest.approx((expected.mean, expected.largest))
    assert scores == pytest.approx(list(expected.features.values()))


def test_a_category_scores_by_its_rarity_together_with_all_rarer_ones():
    scorer = _scorer(city=["Ulm"] * 90 + ["Bonn"] * 9 + ["Jena"])
    assert scorer.row(["Ulm"])[2] == 0.0
    assert scorer.row(["Bonn"])[2] == pytest.approx(stats.norm.isf(0.10 / 2))
    assert scorer.row(["Jena"])[2] == pytest.approx(stats.norm.isf(0.01 / 2))
    assert scorer.row(["Paris"])[2] == pytest.approx(stats.norm.isf(1 / 101 / 2))


def test_a_gap_scores_by_how_often_the_reference_had_one():
    scorer = _scorer(often=[1.0, None] * 50, never=random.normal(size=100))
    assert scorer.row([None, 0.0])[0][0] == pytest.approx(stats.norm.isf(0.25))
    assert scorer.row([1.0, None])[0][1] == pytest.approx(stats.norm.isf(1 / 101 / 2))
    assert scorer.row([float("nan"), None])[0] == scorer.row([None, None])[0]


def test_categories_count_for_the_largest_score_and_numbers_for_the_mean():
    scorer = _scorer(sqft=random.normal(2000, 500, 100), city=["Ulm"] * 100)
    scores, mean, largest = scorer.row([2000.0, "Paris"])
    assert mean == scores[0]
    assert largest == scores[1] > 2
    assert _scorer(city=["Ulm"] * 100).row(["Paris"])[1] > 2


def test_a_constant_feature_scores_high_when_it_changes():
    scorer = _scorer(floors=[1.0] * 50)
    assert (scorer.row([1.0])[2], scorer.row([2.0])[2]) == (0.0, 2.0)


def test_a_model_of_moments_alone_and_one_without_its_reference_are_refused():
    with pytest.raises(DataError, match="moments"):
        _scorer(sold=np.array(["2026-01-01"], "datetime64[ns]"))
    with pytest.raises(DataError, match="sqft"):
        RecordScorer.of(Profile.of({"price": Column.of("price", [1.0])}), ("sqft",))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-1e9, 1e9) | st.none()] * 2, st.booleans() | st.none()), min_size=1, max_size=20))
def test_many_rows_score_to_the_bit_like_each_alone(records):
    scorer = _scorer(a=[1.0, 2.0, 4.0], floors=[1.0, 1.0, 1.0], new=[True, False, False])
    matrix = np.array([[np.nan if value is None else value for value in record] for record in records], float)
    scores, means, largest = scorer.rows(matrix)
    single = [scorer.row(record) for record in records]
    assert scores.tolist() == [one[0] for one in single]
    assert (means.tolist(), largest.tolist()) == ([one[1] for one in single], [one[2] for one in single])


def test_the_p_value_is_uniform_for_records_like_the_references():
    reference, fresh = random.normal(size=(4000, 5)), random.normal(size=(2000, 5))
    scorer = _scorer(**{str(place): reference[:, place] for place in range(5)})
    calibration = _calibrated(scorer, reference)
    found = [calibration.p_value(*scorer.row(row)[1:]) for row in fresh.tolist()]
    assert stats.kstest(found, "uniform").pvalue > 0.001
    assert 0 < min(found) <= max(found) <= 1


def test_a_single_wild_feature_that_the_mean_hides_has_a_small_p_value():
    reference = random.normal(size=(4000, 20))
    scorer = _scorer(**{str(place): reference[:, place] for place in range(20)})
    calibration = _calibrated(scorer, reference)
    _, mean, largest = scorer.row([6.0] + [0.5] * 19)
    assert mean < 1 < largest
    assert calibration.p_value(mean, largest) < 0.005
    assert calibration.p_value(*scorer.row([0.5] * 20)[1:]) > 0.05


def test_without_scores_there_is_no_calibration():
    with pytest.raises(DataError, match="no record"):
        Calibration.of(np.array([]), np.array([]))


def test_rarity_is_the_two_sided_quantile_of_the_normal_distribution():
    for share in (1e-6, 0.01, 0.5, 0.99):
        assert rarity(share) == pytest.approx(stats.norm.isf(share / 2), abs=1e-9)
    assert rarity(1.0) == rarity(2.0) == 0.0
