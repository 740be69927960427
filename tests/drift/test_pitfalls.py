"""What other libraries get wrong (facts measured on them), and ours must not: on values and on a profile's bins."""

from collections.abc import Callable

import numpy as np
import pytest

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.method import Measure
from mlmon_dagster.drift.methods.auto import Auto
from mlmon_dagster.drift.methods.jensen_shannon import JensenShannon
from mlmon_dagster.drift.methods.ks import Ks
from mlmon_dagster.drift.methods.missing import Missing
from mlmon_dagster.drift.methods.psi import Psi
from mlmon_dagster.drift.methods.wasserstein import Wasserstein
from mlmon_dagster.drift.methods.wasserstein_clipped import WassersteinClipped
from mlmon_dagster.drift.profile import Profile

Kept = Callable[[object], Column]


def values(array: object) -> Column:
    return Column.of("x", array)


def bins(array: object) -> Column:
    return Profile.of({"x": array}).columns["x"]


both = pytest.mark.parametrize("kept", [values, bins])


def normal(rows: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, rows)


@both
@pytest.mark.parametrize("method", [Ks(), Psi(), JensenShannon(), WassersteinClipped()])
@pytest.mark.parametrize("where", ["window", "reference"])
def test_one_outlier_cannot_hide_a_shift_of_one_sigma(kept: Kept, method: Ks, where: str) -> None:
    before, now = normal(20_000, 0), normal(5_000, 1, 1)
    if where == "window":
        now = np.append(now, 1e9)
    else:
        before = np.append(before, 1e9)
    assert method.measure(kept(before), values(now)).value > 1.5 * type(method).default_threshold


@both
def test_one_outlier_makes_no_drift_where_tails_are_clipped(kept: Kept) -> None:
    found = WassersteinClipped().measure(kept(normal(20_000, 0)), values(np.append(normal(5_000, 1), 1e9)))
    assert found.value < 0.05


@both
def test_a_method_does_not_change_at_a_number_of_rows(kept: Kept) -> None:
    random = np.random.default_rng(3)
    before, now = random.normal(size=1_001), random.normal(0.1, 1, 1_000)
    thousand, more = (Auto().measure(kept(side), values(now)) for side in (before[:1_000], before))
    assert thousand.value == pytest.approx(more.value, abs=0.003)
    assert thousand.p_value == pytest.approx(more.p_value, rel=0.2)


@pytest.mark.parametrize("most", [5, 6, 20, 21])
def test_nor_at_a_number_of_distinct_values(most: int) -> None:
    few = np.random.default_rng(0).integers(0, most, 2_000)
    assert Auto().chosen(values(few)) == Ks()


def test_noise_on_a_constant_is_not_divided_by_a_made_up_thousandth() -> None:
    before, now = np.ones(500), 1 + np.random.default_rng(0).uniform(2e-4, 1.6e-3, 500)
    assert Wasserstein().measure(values(before), values(before)).value == 0
    found = Wasserstein().measure(values(before), values(now))
    assert found.raw == pytest.approx(now.mean() - 1)
    assert Ks().measure(values(before), values(now)).value == 1.0


def test_one_new_category_in_five_hundred_rows_is_no_drift() -> None:
    random = np.random.default_rng(0)
    before, now = random.choice(["a", "b", "c"], 500), random.choice(["a", "b", "c"], 500).astype(object)
    now[0] = "new"
    found = JensenShannon().measure(values(before), values(now))
    assert found.p_value is not None
    assert (found.value < JensenShannon.default_threshold, found.p_value > 0.01) == (True, True)


@both
def test_missing_values_are_their_own_test(kept: Kept) -> None:
    now = np.where(np.random.default_rng(1).random(2_000) < 0.5, np.nan, normal(2_000, 1))
    found = Missing().measure(kept(normal(20_000, 0)), values(now))
    assert found.value == pytest.approx(0.5, abs=0.05)
    assert found.p_value is not None
    assert found.p_value < 1e-6


@both
def test_moments_alone_are_a_column_like_any_other(kept: Kept) -> None:
    start = np.datetime64("2026-01-01", "s")
    before = start + np.random.default_rng(0).integers(0, 10**6, 20_000).astype("timedelta64[s]")
    for method in (Ks(), Wasserstein(), Psi()):
        assert method.measure(kept(before), values(before)).value == pytest.approx(0, abs=1e-6)
        later: Measure = method.measure(kept(before), values(before + np.timedelta64(10**6, "s")))
        assert later.value > type(method).default_threshold


@both
def test_identifiers_beyond_2_to_the_53_are_told_apart(kept: Kept) -> None:
    before = 2**60 + np.arange(20_000)
    found = Ks().measure(kept(before), values(before + 10_000))
    assert found.low is not None
    assert found.low <= 0.5 <= (found.high or 0) <= found.low + 0.001
    assert Wasserstein().measure(kept(before), values(before + 10_000)).raw == pytest.approx(10_000, rel=1e-6)
