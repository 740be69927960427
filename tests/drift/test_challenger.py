"""Champion and challenger: no difference is seldom called one however often one looks, and a real one is found."""

import numpy as np
import pytest

from mlmon_dagster.drift.challenger import Losses, added, compare, loss_of
from mlmon_dagster.drift.performance import PERFORMANCE
from mlmon_dagster.drift.sequential import Moments

ALPHA, STREAMS, WINDOWS, NONE = 0.05, 400, 40, Moments(0, 0.0, 0.0)


def moments(values: "np.ndarray") -> Moments:
    return Moments(len(values), float(values.mean()), float(values.var()))


def windows(random: np.random.Generator, worse: float, *, paired: bool, rows: int = 60) -> list[Losses]:
    """Losses as skewed as errors are: exponential; where both answered the same requests, they resemble each other."""
    found = []
    for _ in range(WINDOWS):
        champion = random.exponential(1.0, rows)
        challenger = (champion if paired else random.exponential(1.0, rows)) * (1 + worse)
        challenger = challenger + (random.normal(0, 0.3, rows) if paired else 0)
        both = moments(challenger - champion) if paired else NONE
        found.append(Losses(moments(champion), NONE if paired else moments(challenger), both))
    return found


@pytest.mark.parametrize("paired", [False, True])
def test_no_difference_is_called_one_at_most_as_often_as_declared_however_often_one_looks(paired: bool) -> None:
    random = np.random.default_rng(5)
    called = sum(
        (found := compare(windows(random, 0.0, paired=paired), 0.05)) is not None and found.p < ALPHA
        for _ in range(STREAMS)
    )
    assert called / STREAMS < ALPHA + 0.02


@pytest.mark.parametrize(("paired", "worse"), [(False, 0.25), (True, 0.08), (True, -0.08)])
def test_a_difference_is_found_and_its_size_and_direction_told(paired: bool, worse: float) -> None:
    found = [compare(windows(np.random.default_rng(seed), worse, paired=paired), 0.05) for seed in range(20)]
    assert sum(one is not None and one.p < 0.01 for one in found) >= 18
    assert np.mean([one.difference for one in found if one]) == pytest.approx(worse, abs=0.02)


def test_few_labels_decide_nothing() -> None:
    few = [Losses(Moments(29, 1.0, 1.0), Moments(500, 9.0, 1.0), NONE)]
    assert compare(few, 0.05) is None
    assert compare([], 0.05) is None


def test_moments_of_parts_are_those_of_the_whole() -> None:
    values = np.random.default_rng(1).normal(3, 2, 1000)
    whole = added(moments(part) for part in np.split(values, [10, 300, 301]))
    assert (whole.mean, whole.variance) == pytest.approx((values.mean(), values.var()))


def test_every_metric_has_a_loss() -> None:
    assert {loss_of(name) for name in PERFORMANCE} == {"absolute error", "squared error", "wrong classes"}
