"""Common bins for the eye."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.histogram import histogram
from mlmon_dagster.drift.profile import Profile

ANY = st.one_of(
    st.lists(st.floats(), min_size=1, max_size=60),
    st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=60),
    st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=60),
)


@given(ANY, ANY, st.integers(2, 20))
@settings(max_examples=200, deadline=None)
def test_every_row_with_a_value_is_in_one_bin(before: list[object], now: list[object], bins: int) -> None:
    reference, window = Column.of("x", before), Column.of("x", now)
    if reference.kind != window.kind:
        window = reference
    found = histogram(reference, window, bins)
    assert len(found.labels) == len(found.reference) == len(found.window) <= bins
    for column, shares in ((reference, found.reference), (window, found.window)):
        assert sum(shares) == pytest.approx(float(column.present > 0))
        assert min(shares, default=0) >= 0


def test_one_outlier_does_not_squeeze_the_rest_into_one_bin() -> None:
    values = np.random.default_rng(3).normal(size=1000)
    found = histogram(Column.of("x", values), Column.of("x", np.append(values, 1e9)))
    assert max(found.window) < 0.25


def test_rare_categories_are_told_together() -> None:
    names = [f"c{place}" for place in range(40) for _ in range(place + 1)]
    found = histogram(Column.of("x", names), Column.of("x", ["c39", "new", "new"]), 5)
    assert (len(found.labels), found.labels[0], found.labels[-1]) == (5, "c39", "others")
    assert found.window[found.labels.index("new")] == pytest.approx(2 / 3)


def test_a_side_without_values_is_empty_bins() -> None:
    found = histogram(Column.of("x", [1.0, 2.0]), Column.of("x", [None, None]))
    assert found.window == (0.0, 0.0)


@pytest.mark.parametrize("rows", [[], [None, None], [3], [9, 9]])
def test_counts_have_the_bars_of_their_rows_and_none_for_bins_without_any(rows: list[int | None]) -> None:
    """A window that an engine counted is known in bins, most of them empty, and all of them where it has no rows."""
    reference = Profile.of({"x": [1, 1, 2, 3]})
    counted = reference.counted({"x": rows}).columns["x"]
    found = histogram(reference.columns["x"], counted)
    assert found.labels[:3] == ("1", "2", "3")
    assert found.reference[:3] == (0.5, 0.25, 0.25)
    assert sum(found.window) == (1.0 if any(rows) else 0.0)
