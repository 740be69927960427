"""Evidence that may be looked at at any time: against slow, obviously right code, and under "no difference"."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from mlmon_dagster.drift.sequential import Moments, event_evidence, mean_evidence, p_value

ALPHA = 0.05


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.05, 0.95))
def test_event_evidence_is_the_likelihood_ratio_of_an_unknown_coin_to_the_known_one(
    challenger: int, champion: int, share: float
) -> None:
    unknown, _ = integrate.quad(lambda p: p**challenger * (1 - p) ** champion, 0, 1, epsabs=0, epsrel=1e-10)
    known = share**challenger * (1 - share) ** champion
    assert event_evidence(challenger, champion, share) == pytest.approx(unknown / known, rel=1e-6)


@given(
    st.floats(-2, 2), st.floats(0.1, 3), st.floats(0.1, 3), st.integers(2, 500), st.integers(2, 500), st.floats(0.02, 1)
)
def test_mean_evidence_is_the_mixture_over_normal_differences(
    difference: float, one: float, other: float, n: int, m: int, tau: float
) -> None:
    sigma = math.sqrt(one / n + other / m)
    # the mixture's marginal density of the observed difference over its density without a difference
    marginal = stats.norm.logpdf(difference, 0, math.hypot(sigma, tau))
    expected = marginal - stats.norm.logpdf(difference, 0, sigma)
    found = mean_evidence(Moments(n, difference, one), Moments(m, 0.0, other), tau)
    assert (math.log(found) if found < math.inf else 700) == pytest.approx(min(expected, 700), abs=1e-6, rel=1e-6)


def test_without_a_difference_events_are_found_unlike_no_more_often_than_alpha_however_long_one_looks() -> None:
    random, runs, events, share = np.random.default_rng(1), 2000, 400, 0.1
    hits = random.random((runs, events)) < share
    mine = hits.cumsum(axis=1)
    looks = range(0, events, 4)
    found = sum(
        any(p_value(event_evidence(int(run[look]), look + 1 - int(run[look]), share)) < ALPHA for look in looks)
        for run in mine
    )
    assert found <= ALPHA * runs  # Ville's inequality; a test repeated at each look would be at 0.3 and more


def test_without_a_difference_means_are_found_unlike_no_more_often_than_alpha_however_long_one_looks() -> None:
    random, runs, numbers = np.random.default_rng(2), 400, 2000
    looks = np.unique(np.geomspace(30, numbers, 40).astype(int))
    found = 0
    for _ in range(runs):
        one, other = random.normal(0, 1, numbers), random.normal(0, 1, numbers)
        found += any(
            p_value(mean_evidence(_moments(one[:look]), _moments(other[:look]), 0.1)) < ALPHA for look in looks
        )
    assert found <= ALPHA * runs


def test_a_difference_is_found() -> None:
    random = np.random.default_rng(3)
    slow, quick = random.normal(0.3, 1, 2000), random.normal(0, 1, 2000)
    assert p_value(mean_evidence(_moments(slow), _moments(quick), 0.1)) < 1e-6
    assert p_value(event_evidence(30, 30, 0.1)) < 1e-6


def test_too_little_is_no_evidence() -> None:
    assert event_evidence(0, 0, 0.5) == 1
    assert event_evidence(5, 0, 1.0) == 1
    assert mean_evidence(Moments(1, 9.0, 0.0), Moments(1, 0.0, 0.0), 0.1) == 1
    assert mean_evidence(Moments(5, 1.0, 0.0), Moments(5, 1.0, 0.0), 0.1) == 1
    assert p_value(0.2) == 1


def _moments(values: "np.ndarray") -> Moments:
    return Moments(len(values), float(values.mean()), float(values.var()))
