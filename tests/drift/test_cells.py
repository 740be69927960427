"""The distance of unsorted floats by cells is the brute-force one, to the last bit."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_all_kinds import columns
from often import often

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.kolmogorov import largest_gap
from mlmon_dagster.drift.profile import Profile


@pytest.fixture
def few_cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {"CELLS": 8, "LEAST": 1, "BLOCK": 5}.items():
        monkeypatch.setattr(f"mlmon_dagster.drift.cells.{name}", value)
    for name, value in {"LEAST": 1, "ENOUGH": 4, "SPLIT": 2}.items():
        monkeypatch.setattr(f"mlmon_dagster.drift.kolmogorov.{name}", value)
    return iter(())


@pytest.mark.usefixtures("few_cells")
@often
@given(columns(), columns(), st.sampled_from([np.float64, np.float32]), st.integers(0, 3))
def test_cells_give_the_same_fraction_as_the_order(before: np.ndarray, now: np.ndarray, dtype: type, gaps: int) -> None:
    with np.errstate(over="ignore"):
        rows = np.concatenate([now.astype(dtype), [np.nan, np.inf, -np.inf][:gaps]]).astype(dtype)
    reference = Column.of("x", before)
    expected = largest_gap(reference, Column.of("x", rows))
    assert largest_gap(reference, Column.of("x", rows, in_order=False)) == expected


def test_a_comparison_by_ks_alone_does_not_sort_the_window() -> None:
    random = np.random.default_rng(0)
    reference, window = random.normal(size=100_000), random.normal(0.02, 1, size=100_000)
    unsorted = Column.of("x", window, in_order=False)
    expected = largest_gap(Column.of("x", reference), Column.of("x", window))
    assert largest_gap(Column.of("x", reference), unsorted) == expected
    assert unsorted.unsorted is not None
    profile = Profile.of({"x": reference}, exact=True)
    alone, among = profile.compare({"x": window}, ["ks"])["x"], profile.compare({"x": window})["x"]
    assert alone["ks"] == among["ks"]
