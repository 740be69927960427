"""The EWMA chart against published run lengths."""

import numpy as np
import pytest

from mlmon_dagster.drift.streaming.ewma import Ewma, run_length_of, width
from mlmon_dagster.errors import DataError

PUBLISHED = [(1.0, 3.090), (0.75, 3.087), (0.5, 3.071), (0.4, 3.054), (0.25, 2.998), (0.2, 2.962), (0.1, 2.814),
             (0.05, 2.615), (0.03, 2.437)]  # fmt: skip
"""Weights and limits with a run length of 500: Lucas and Saccucci, "Exponentially Weighted Moving Average Control
Schemes", Technometrics 32 (1990), table 3."""


@pytest.mark.parametrize(("weight", "limit"), PUBLISHED)
def test_run_lengths_are_the_published_ones(weight, limit):
    assert run_length_of(weight, limit) == pytest.approx(500, abs=1)
    assert width(weight, 500) == pytest.approx(limit, abs=2e-3)


def test_false_alarms_come_as_seldom_as_declared():
    random = np.random.default_rng(2)
    detector = Ewma(0, 1, weight=0.1, run_length=300)

    alarms = sum(detector.update(value).changed for value in random.normal(0, 1, 60_000).tolist())

    assert alarms == pytest.approx(200, rel=0.25)


def test_mean_and_deviation_are_the_references():
    plain, scaled = Ewma(0, 1), Ewma(5.0, 3.0)

    for value in (0.3, -1.0, 2.5):
        assert plain.update(value).value == pytest.approx(scaled.update(5 + 3 * value).value)


@pytest.mark.parametrize(("mean", "std"), [(0, 0), (0, -1), (float("nan"), 1), (0, float("inf"))])
def test_a_number_that_never_varied_is_refused(mean, std):
    with pytest.raises(DataError, match="never varied"):
        Ewma(mean, std)


@pytest.mark.parametrize("wrong", [{"weight": 0}, {"weight": 1.5}, {"run_length": 2}])
def test_parameters_without_a_meaning_are_refused(wrong):
    with pytest.raises(DataError, match="got"):
        Ewma(0, 1, **wrong)
