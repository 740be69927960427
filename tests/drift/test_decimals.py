"""Counting floats with few decimals gives what sorting gives, and refuses every other float."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.decimals import LEAST, decimals
from mlmon_dagster.drift.profile import Profile


@pytest.fixture(autouse=True)
def _from_two_rows_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmon_dagster.drift.decimals.LEAST", 2)


@given(
    st.lists(st.integers(-3000, 3000), min_size=2, max_size=200),
    st.sampled_from([1, 10, 100, 10_000]),
    st.sampled_from([np.float64, np.float32]),
)
def test_numbers_of_few_decimals_are_counted_as_numpy_counts_them(whole: list[int], scale: int, dtype: type) -> None:
    data = (np.array(whole) / scale).astype(dtype)
    found = decimals(data)
    values, rows = np.unique(data, return_counts=True)
    assert found is None or (np.array_equal(found[0], values) and np.array_equal(found[1], rows))
    if scale in (1, 100) and dtype is np.float64 and np.ptp(data) * 100 < 1024:
        assert found is not None


@pytest.mark.parametrize(
    "data",
    [[0.5, 1 / 3], [1.0, np.nan], [np.inf, 1.0], [1e300, 1.0], [2.0**40, 1.0], [0.0, 1e6], [1.0, 1.000001], [1.0]],
)
def test_any_other_number_is_left_to_the_sort(data: list[float]) -> None:
    assert decimals(np.array(data)) is None


def test_one_row_with_more_decimals_among_many_is_seen() -> None:
    data = np.round(np.random.default_rng(0).gamma(2, 2, 50_000), 2)
    data[33_333] = 1.005
    assert decimals(data) is None


@pytest.mark.parametrize("short", [0, 1 << 16])
def test_counted_and_sorted_columns_measure_alike(short: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmon_dagster.drift.transport.SHORT", short)
    sides = [np.round(np.random.default_rng(seed).gamma(2, 2 + seed / 10, 20_000), 2) for seed in (0, 1)]
    counted = Profile.of({"x": sides[0]}, exact=True)
    assert counted.columns["x"].weights is not None
    window = {"x": sides[1]}, {"x": sides[1][:7000]}, {"x": np.sqrt(sides[1])}
    found = [counted.compare(one)["x"] for one in window]
    monkeypatch.setattr("mlmon_dagster.drift.decimals.LEAST", LEAST)
    assert Column.of("x", sides[0]).weights is None
    expected = [Profile.of({"x": sides[0]}, exact=True).compare(one)["x"] for one in window]
    for one, other in zip(found, expected, strict=True):
        assert {name: measure.value for name, measure in one.items()} == pytest.approx(
            {name: measure.value for name, measure in other.items()}, rel=1e-9
        )


def test_counted_and_sorted_columns_give_one_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.round(np.random.default_rng(0).gamma(2, 2000, 40_000), 2)
    counted = Profile.of({"x": data}).digest
    monkeypatch.setattr("mlmon_dagster.drift.decimals.LEAST", LEAST)
    assert Profile.of({"x": data}).digest == counted
