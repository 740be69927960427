"""What chance alone does, against theory."""

import numpy as np
import pytest
from scipy import stats

from mlmon_dagster.drift.chance import Population, apart, distances, noise_floor, reached, seeded
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.methods.hellinger import Hellinger
from mlmon_dagster.drift.methods.ks import Ks
from mlmon_dagster.drift.methods.psi import Psi
from mlmon_dagster.drift.profile import Profile

NORMAL = Column.of("x", np.random.default_rng(0).normal(size=20_000))


@pytest.mark.parametrize("rows", [100, 400, 2000])
def test_psi_without_drift_is_bins_less_one_over_the_rows(rows: int) -> None:
    """E[PSI] ~ (B - 1)(1/n + 1/m): Yurdakul 2018."""
    (found,) = distances([Psi()], Population.of(NORMAL), rows, 300, seeded("x"))
    assert found.mean() == pytest.approx(9 * (1 / rows + 1 / (20_000 - rows)), rel=0.12)


@pytest.mark.parametrize("rows", [60, 300, 3000])
def test_the_noise_floor_of_ks_is_kolmogorovs_quantile(rows: int) -> None:
    expected = stats.kstwobign.isf(0.01) / np.sqrt(rows * (20_000 - rows) / 20_000)
    assert noise_floor(Ks(), NORMAL, rows, 0.01) == pytest.approx(expected, rel=0.12)


def test_the_noise_floor_falls_with_the_rows_and_is_the_same_again() -> None:
    floors = [noise_floor(Hellinger(), NORMAL, rows, 0.01) for rows in (30, 100, 1000, 10_000)]
    assert floors == sorted(floors, reverse=True)
    assert floors[0] == noise_floor(Hellinger(), NORMAL, 30, 0.01)


@pytest.mark.parametrize("distribution", [stats.expon, stats.halfnorm, stats.chi2(9), stats.beta(2, 5)])
@pytest.mark.parametrize("chance", [0.05, 0.004, 0.0005])
def test_a_tail_is_reached_about_as_rarely_as_it_says_or_more_rarely(
    distribution: stats.rv_continuous, chance: float
) -> None:
    draws = [distribution.rvs(size=2000, random_state=seed) for seed in range(40)]
    beyond = [float(distribution.sf(reached(np.sort(found), chance))) for found in draws]
    assert chance / 10 < np.mean(beyond) < chance * 1.6


def test_a_split_is_the_whole_again() -> None:
    column = Column.of("x", ["a", None, "b", "a", "c", None, "a"])
    rest, window = next(Population.of(column).split(3, seeded("x")))
    assert rest.rows + window.rows == column.rows
    assert rest.missing + window.missing == 2
    counts = dict.fromkeys("abc", 0)
    for side in (rest, window):
        for value, count in zip(side.values.tolist(), side.counts.tolist(), strict=True):
            counts[value] += count
    assert counts == {"a": 3, "b": 1, "c": 1}


def test_a_profile_in_bins_gives_the_floor_that_its_rows_give() -> None:
    binned = Profile.of({"x": NORMAL}).columns["x"]
    assert not binned.exact
    assert noise_floor(Ks(), binned, 300, 0.01) == pytest.approx(noise_floor(Ks(), NORMAL, 300, 0.01), rel=0.1)


def test_methods_count_by_what_they_add() -> None:
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 4000))
    assert apart([one, one, one * 3]) == 1
    assert apart([one, np.zeros(4000)]) == 1
    assert apart([one, other]) == pytest.approx(1.95, abs=0.1)
    assert 1.2 < apart([one, one + other]) < 1.8
