"""ADWIN against every cut of the raw window, and against river."""

import numpy as np
import pytest
from river import drift

from mlmon_dagster.drift.streaming.adwin import SHORTEST, Adwin
from mlmon_dagster.errors import DataError


def largest(window: np.ndarray, confidence: float, scale: float) -> float:
    """The largest difference over every cut of the raw values, as a multiple of what chance explains."""
    doubt = np.log(2 * np.log(len(window)) / confidence)
    multiples = []
    for cut in range(SHORTEST, len(window) - SHORTEST + 1):
        inverse = 1 / cut + 1 / (len(window) - cut)
        allowed = np.sqrt(2 * inverse * window.var() * doubt) + 2 / 3 * inverse * scale * doubt
        multiples.append(abs(window[:cut].mean() - window[cut:].mean()) / allowed)
    return max(multiples)


@pytest.mark.parametrize("seed", range(4))
def test_it_sees_almost_what_every_cut_of_the_raw_window_shows(seed):
    random = np.random.default_rng(seed)
    values = random.uniform(0, 1, 640)
    detector = Adwin(every=1)
    for count, value in enumerate(values.tolist(), 1):
        state = detector.update(value)
        if count % 40 == 0:
            exact = largest(values[:count], 0.002, 1.0)
            assert state.seen == count
            assert 0.5 * exact < state.value <= exact + 1e-12


def test_the_window_keeps_its_mean_and_drops_what_came_before_the_change():
    values = [0.1] * 500 + [0.9] * 500
    detector = Adwin()

    states = [detector.update(value) for value in values]

    assert sum(state.changed for state in states) >= 1
    assert states[-1].seen <= 560
    assert detector.mean == pytest.approx(0.9, abs=0.05)


def test_mean_and_spread_stay_exact_over_many_merges_and_drops():
    random = np.random.default_rng(8)
    values = np.concatenate([random.normal(1e6, 1, 1500), random.normal(1e6 + 4, 1, 1500)])
    detector = Adwin(scale=8.0)
    for value in values.tolist():
        state = detector.update(value)

    kept = values[-state.seen :]
    assert detector.mean == pytest.approx(kept.mean(), rel=1e-12)
    assert detector._squares / state.seen == pytest.approx(kept.var(), rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_it_finds_a_change_no_later_than_river_and_raises_no_more_false_alarms(seed):
    random = np.random.default_rng(seed)
    values = np.concatenate([random.random(1000) < 0.2, random.random(1000) < 0.6]).astype(float).tolist()
    theirs, ours = drift.ADWIN(), Adwin()
    found_theirs, found_ours = [], []
    for place, value in enumerate(values):
        theirs.update(value)
        if theirs.drift_detected:
            found_theirs.append(place)
        if ours.update(value).changed:
            found_ours.append(place)

    assert min(place for place in found_ours if place >= 1000) <= min(p for p in found_theirs if p >= 1000) + 32
    assert sum(place < 1000 for place in found_ours) <= sum(place < 1000 for place in found_theirs)


@pytest.mark.parametrize("wrong", [{"confidence": 0}, {"scale": 0}, {"every": 0}])
def test_parameters_without_a_meaning_are_refused(wrong):
    with pytest.raises(DataError, match="ADWIN needs"):
        Adwin(**wrong)
