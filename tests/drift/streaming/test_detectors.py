"""What every detector promises, whoever wrote it."""

import math

import numpy as np
import pytest

from mlmon_dagster.drift.streaming.adwin import Adwin
from mlmon_dagster.drift.streaming.ewma import Ewma
from mlmon_dagster.drift.streaming.page_hinkley import PageHinkley
from mlmon_dagster.drift.streaming.state import Detector

MAKE = {
    "ewma": lambda: Ewma(0.0, 1.0),
    "page_hinkley": lambda: PageHinkley(allowance=0.25, threshold=30.0),
    "adwin": lambda: Adwin(scale=6.0),
}


def changes(detector: Detector, values) -> list[int]:
    return [place for place, value in enumerate(values) if detector.update(float(value)).changed]


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("shift", [1.0, -1.0])
def test_a_shift_of_one_deviation_is_found_within_200_values_in_either_direction(name, shift):
    random = np.random.default_rng(7)
    values = np.concatenate([random.normal(0, 1, 2000), random.normal(shift, 1, 400)])

    found = changes(MAKE[name](), values)

    assert found
    assert 2000 <= found[0] < 2200


@pytest.mark.parametrize("name", MAKE)
def test_ten_thousand_values_without_a_change_raise_at_most_one_alarm(name):
    random = np.random.default_rng(11)

    assert len(changes(MAKE[name](), random.normal(0, 1, 10_000))) <= 1


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_evidence_of_nothing(name, value):
    detector, beside = MAKE[name](), MAKE[name]()
    for number in (0.5, -0.2, 0.9):
        detector.update(number)
        beside.update(number)

    state = detector.update(value)

    assert not state.changed
    assert state.seen == 3
    assert detector.update(0.1) == beside.update(0.1)


@pytest.mark.parametrize("name", MAKE)
def test_after_a_change_it_begins_anew_and_finds_the_next(name):
    random = np.random.default_rng(3)
    levels = np.repeat([0.0, 2.0, 0.0], 1000) if name != "ewma" else np.repeat([0.0, 2.0, 0.0, 2.0], 1000)
    found = np.array(changes(MAKE[name](), levels + random.normal(0, 1, len(levels))))

    assert ((found >= 1000) & (found < 1200)).any()
    assert (found >= len(levels) - 1000).any()


@pytest.mark.parametrize("name", MAKE)
def test_changed_means_that_the_value_is_above_the_limit(name):
    detector = MAKE[name]()
    for value in np.random.default_rng(5).normal(0.3, 1.5, 3000):
        state = detector.update(float(value))
        assert state.value >= 0
        assert state.changed == (state.value > state.limit) or name == "adwin"
