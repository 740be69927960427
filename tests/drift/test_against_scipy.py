"""Methods against scipy's and scikit-learn's own numbers, and against slow but obviously right code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from often import often
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.method import shares
from mlmon_dagster.drift.methods.category_shift import CategoryShift
from mlmon_dagster.drift.methods.chi_square import ChiSquare
from mlmon_dagster.drift.methods.hellinger import Hellinger
from mlmon_dagster.drift.methods.jensen_shannon import JensenShannon
from mlmon_dagster.drift.methods.ks import Ks
from mlmon_dagster.drift.methods.linf import Linf
from mlmon_dagster.drift.methods.missing import Missing
from mlmon_dagster.drift.methods.psi import Psi
from mlmon_dagster.drift.methods.wasserstein import Wasserstein
from mlmon_dagster.drift.methods.zscore import Zscore

VALUES = st.lists(st.integers(-20, 20), min_size=1, max_size=80)


def pair(seed: int, n: int = 700, m: int = 400) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return np.round(random.normal(0, 1, n), 1), np.round(random.normal(0.2, 1.3, m), 1)


def column(values: object) -> Column:
    return Column.of("x", values)


@often
@given(VALUES, VALUES)
def test_ks_equals_brute_force_as_a_fraction(before: list[int], now: list[int]) -> None:
    gaps = [abs(sum(a <= v for a in before) * len(now) - sum(b <= v for b in now) * len(before)) for v in before + now]
    assert Ks().measure(column(before), column(now)).value == max(gaps) / (len(before) * len(now))


@pytest.mark.parametrize("seed", range(5))
def test_ks_equals_scipy(seed: int) -> None:
    before, now = pair(seed)
    found, expected = Ks().measure(column(before), column(now)), stats.ks_2samp(before, now, method="asymp")
    assert found.value == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_wasserstein_equals_scipy_in_standard_deviations(seed: int) -> None:
    before, now = pair(seed)
    expected = stats.wasserstein_distance(before, now) / before.std()
    assert Wasserstein().measure(column(before), column(now)).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_jensen_shannon_and_hellinger_equal_scipy_on_the_same_bins(seed: int) -> None:
    before, now = (column(values) for values in pair(seed))
    p, q = shares(before, now, 10)
    assert p.sum() == pytest.approx(1)
    assert JensenShannon().measure(before, now).value == pytest.approx(jensenshannon(p, q, base=2), abs=1e-12)
    expected = np.sqrt(0.5 * np.sum((np.sqrt(p) - np.sqrt(q)) ** 2))
    assert Hellinger().measure(before, now).value == pytest.approx(expected, abs=1e-9)


def test_psi_is_the_published_sum_where_no_bin_is_empty() -> None:
    before, now = column(np.arange(1000.0)), column(np.arange(1000.0) ** 1.1)
    p, q = shares(before, now, 10)
    assert (q > 0).all()
    assert Psi().measure(before, now).value == pytest.approx(float(np.sum((q - p) * np.log(q / p))), rel=1e-9)


def test_chi_square_equals_scipy_on_the_contingency_table() -> None:
    before, now = ["a"] * 60 + ["b"] * 40, ["a"] * 20 + ["b"] * 25 + ["c"] * 5
    expected = stats.chi2_contingency([[60, 40, 0], [20, 25, 5]], correction=False)
    found = ChiSquare().measure(column(before), column(now))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    balanced = stats.chi2_contingency([[60, 40, 0], [40, 50, 10]], correction=False)
    assert found.value == pytest.approx(np.sqrt(balanced.statistic / 200), rel=1e-9)


def test_a_large_reference_does_not_make_cramers_v_small() -> None:
    now = column(["a"] * 900 + ["b"] * 100)
    few, many = (ChiSquare().measure(column(["a"] * count + ["b"] * count), now).value for count in (500, 500_000))
    assert few == pytest.approx(many)
    assert many > ChiSquare.default_threshold


def test_zscore_equals_welch_for_many_rows() -> None:
    before, now = pair(3, 5000, 4000)
    expected = stats.ttest_ind(before, now, equal_var=False)
    found = Zscore().measure(column(before), column(now))
    assert found.value == pytest.approx(abs(before.mean() - now.mean()) / before.std(), rel=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-3)


def test_missing_is_a_two_proportion_z_test() -> None:
    before, now = [1.0] * 90 + [None] * 10, [1.0] * 60 + [None] * 40
    z = 0.3 / np.sqrt(0.25 * 0.75 * (1 / 100 + 1 / 100))
    found = Missing().measure(column(before), column(now))
    assert (found.value, found.p_value) == (pytest.approx(0.3), pytest.approx(2 * stats.norm.sf(z), rel=1e-6))


@pytest.mark.parametrize("method", [Ks(), Psi(), JensenShannon(), Hellinger()])
def test_one_outlier_cannot_hide_a_shift_of_one_sigma(method: Psi) -> None:
    random = np.random.default_rng(0)
    window = np.append(random.normal(1, 1, 2000), 1e6)
    found = method.measure(column(random.normal(0, 1, 2000)), column(window))
    assert found.value > 2 * type(method).default_threshold


def test_identifiers_beyond_2_to_the_53_are_told_apart() -> None:
    before, now = np.arange(2**60, 2**60 + 100), np.arange(2**60 + 50, 2**60 + 150)
    assert Ks().measure(column(before), column(now)).value == 0.5
    assert Wasserstein().measure(column(before), column(now)).value > 1


@often
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), st.lists(st.sampled_from("abcde"), min_size=1))
def test_category_shift_is_the_largest_two_proportion_z_per_row(before: list[str], now: list[str]) -> None:
    found = CategoryShift().measure(column(before), column(now)).value
    known, smaller = set(before), min(len(before), len(now))
    expected = 0.0
    for inside in [{name} for name in known] + [set("abcde") - known]:
        table = [[sum(one in inside for one in side), sum(one not in inside for one in side)] for side in (before, now)]
        p, q = (yes / (yes + no) for yes, no in table)
        yes, no = np.sum(table, axis=0).tolist()
        if yes * no / (yes + no) ** 2 < 1 / (smaller + 1):
            expected = max(expected, abs(p - q) * np.sqrt(smaller + 1))
        else:
            z = np.sqrt(stats.chi2_contingency(table, correction=False).statistic)
            expected = max(expected, float(z * np.sqrt(1 / len(before) + 1 / len(now))))
    assert found == pytest.approx(expected, rel=1e-9)


def test_category_shift_sees_a_rare_category_and_one_of_many() -> None:
    rare, many = ["a"] * 9950 + ["b"] * 50, [f"c{place % 100}" for place in range(10_000)]
    grown = {"b": ["a"] * 960 + ["b"] * 40, "c7": [f"c{place % 100}" for place in range(960)] + ["c7"] * 40}
    for name, reference in (("b", rare), ("c7", many)):
        shifted = column(grown[name])
        assert Linf().measure(column(reference), shifted).value < Linf.default_threshold / 2
        assert CategoryShift().measure(column(reference), shifted).value > CategoryShift.default_threshold
