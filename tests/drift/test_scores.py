"""Scores beside labels in a profile: the peers' numbers without a row, and the same bytes in any pieces."""

from itertools import pairwise, permutations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, mean_absolute_error, mean_squared_error, r2_score, roc_auc_score

from mlmon_dagster.drift.estimation.binned import estimate
from mlmon_dagster.drift.profile import Profile, merge_all
from mlmon_dagster.errors import DataError


def classes(rows: int, seed: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    raw = random.normal(shift, 1, rows)
    chance = 1 / (1 + np.exp(-raw))
    return {"score": chance, "label": (random.random(rows) < chance).astype(np.int64)}


def prices(rows: int, seed: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    given = 1e5 * random.normal(5 + shift, 1, rows)
    return {"score": given, "label": given + random.normal(0, 1e4, rows) * np.maximum(given / 5e5, 0.1)}


def profile(columns: dict[str, np.ndarray]) -> Profile:
    return Profile.of(columns, scores={"score": "label"})


def test_auc_and_brier_of_classes_are_scikit_learns_within_the_bounds_it_tells() -> None:
    data = classes(40_000, 1)
    found = profile(data).scores["score"].performance()
    auc = found["roc_auc"]
    assert auc.low <= roc_auc_score(data["label"], data["score"]) <= auc.high
    assert auc.high - auc.low < 0.001
    assert found["brier"].value == pytest.approx(brier_score_loss(data["label"], data["score"]), abs=1e-6)
    assert found["calibration_error"].value < 0.02


def test_auc_is_exact_where_each_bin_holds_one_score() -> None:
    data = classes(20_000, 2)
    data["score"] = np.round(data["score"], 3)
    found = profile(data).scores["score"].performance()["roc_auc"]
    assert found.certainty == "exact"
    assert found.value == pytest.approx(roc_auc_score(data["label"], data["score"]), abs=1e-12)


@pytest.mark.parametrize("kind", ["text", "boolean", "float"])
def test_classes_are_told_by_their_type_and_the_positive_one_may_be_named(kind: str) -> None:
    data = classes(3_000, 3)
    expected = roc_auc_score(data["label"], np.round(data["score"], 2))
    made = {
        "text": np.where(data["label"] == 1, "yes", "no").astype(object),
        "boolean": data["label"] == 1,
        "float": data["label"].astype(float),
    }
    scores = profile({"score": np.round(data["score"], 2), "label": made[kind]}).scores["score"]
    assert scores.performance()["roc_auc"].value == pytest.approx(expected)
    assert scores.performance(scores.classes[0])["roc_auc"].value == pytest.approx(1 - expected)
    with pytest.raises(DataError, match="no class 'nope'"):
        scores.performance("nope")


def test_errors_of_numbers_are_scikit_learns() -> None:
    data = prices(20_000, 4)
    found = {name: one.value for name, one in profile(data).scores["score"].performance().items()}
    truth, given = data["label"], data["score"]
    assert found["mae"] == pytest.approx(mean_absolute_error(truth, given), rel=1e-4)
    assert found["rmse"] == pytest.approx(mean_squared_error(truth, given) ** 0.5, rel=1e-4)
    assert found["r2"] == pytest.approx(r2_score(truth, given), abs=1e-6)
    assert found["bias"] == pytest.approx((given - truth).mean(), abs=1.0)


@pytest.mark.parametrize("make", [classes, prices])
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 2_000), max_size=5), random=st.randoms())
def test_pieces_add_up_to_the_same_bytes(make: object, cuts: list[int], random: object) -> None:
    reference, data = REFERENCES[make], WINDOWS[make]
    pieces = [
        reference.counted({name: one[start:end] for name, one in data.items()})
        for start, end in pairwise(sorted({0, 2_000, *cuts}))
    ]
    random.shuffle(pieces)  # type: ignore[attr-defined]
    assert merge_all(pieces).digest == reference.counted(data).digest


REFERENCES = {make: profile(make(12_000, 5)) for make in (classes, prices)}  # type: ignore[operator]
WINDOWS = {make: make(2_000, 6) for make in (classes, prices)}  # type: ignore[operator]


def test_merging_obeys_its_laws_and_bytes_are_read_again() -> None:
    for make, reference in REFERENCES.items():
        parts = [reference.counted(make(300, seed)) for seed in (7, 8, 9)]  # type: ignore[operator]
        assert len({merge_all(order).digest for order in permutations(parts)}) == 1
        again = Profile.from_bytes(reference.to_bytes())
        assert again.digest == reference.digest
        assert again.scores["score"].performance() == reference.scores["score"].performance()


def test_rows_without_a_label_a_score_or_of_a_new_class_are_counted_apart() -> None:
    reference = profile({"score": [0.1, 0.2, 0.8, 0.9], "label": ["a", "a", "b", "b"]})
    window = reference.counted(
        pa.table({"score": [0.1, None, 0.8, float("inf"), 0.9], "label": ["a", "a", None, "b", "c"]})
    ).scores["score"]
    assert (window.rows, window.unlabelled, window.unscored) == (2, 1, 2)
    with pytest.raises(DataError, match="1 labels are of classes that the reference never had"):
        window.performance()
    unlabelled = reference.counted({"score": [0.1, 0.9], "label": [None, None]}).scores["score"]
    assert (unlabelled.rows, unlabelled.unlabelled, unlabelled.performance()) == (0, 2, {})


def test_what_is_no_score_or_no_label_is_refused_in_words() -> None:
    with pytest.raises(DataError, match="no column 'other'"):
        Profile.of({"score": [0.1, 0.2]}, scores={"score": "other"})
    with pytest.raises(DataError, match="score is categorical, expected scores"):
        Profile.of({"score": ["a"], "label": [1]}, scores={"score": "label"})
    with pytest.raises(DataError, match="holds moments"):
        Profile.of({"score": [0.1], "label": np.array(["2026-01-01"], "M8[D]")}, scores={"score": "label"})
    many = [f"c{place}" for place in range(101)]
    with pytest.raises(DataError, match="101 classes"):
        Profile.of({"score": np.arange(101.0), "label": many}, scores={"score": "label"})


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_a_windows_auc_is_estimated_from_two_profiles_alone(shift: float) -> None:
    reference, window = profile(classes(8_000, 10)), classes(2_000, 11, shift)
    counts = reference.counted({**window, "label": np.full(2_000, np.nan)})
    found = estimate(reference.scores["score"], counts.columns["score"])
    assert found["roc_auc"].low <= roc_auc_score(window["label"], window["score"]) <= found["roc_auc"].high
    assert found["brier"].low <= brier_score_loss(window["label"], window["score"]) <= found["brier"].high
    assert found["roc_auc"].believed


def test_a_windows_mae_is_estimated_from_where_its_predictions_lie() -> None:
    reference, window = profile(prices(8_000, 12)), prices(2_000, 13, 1.0)
    found = estimate(reference.scores["score"], reference.counted(window).columns["score"])["mae"]
    truth = mean_absolute_error(window["label"], window["score"])
    before = reference.scores["score"].performance()["mae"].value
    assert abs(found.value - truth) < abs(before - truth) / 2
    assert found.low <= truth * 1.05


def test_an_estimate_where_the_reference_has_no_scores_is_not_believed() -> None:
    reference = profile(prices(4_000, 14))
    far = reference.counted(prices(500, 15, 20.0))
    found = estimate(reference.scores["score"], far.columns["score"])["mae"]
    assert not found.believed
    assert "the reference never had" in found.doubt


def test_a_profile_with_scores_of_25_columns_stays_below_4_megabytes() -> None:
    random = np.random.default_rng(0)
    columns = {f"x{place}": random.lognormal(size=30_000) for place in range(23)} | classes(30_000, 16)
    assert len(Profile.of(columns, covariance=True, scores={"score": "label"}).to_bytes()) < 4_000_000
