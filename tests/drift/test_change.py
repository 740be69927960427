"""A change is told in the words of a person."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmon_dagster.drift.change import change
from mlmon_dagster.drift.column import Column

NORMAL = np.random.default_rng(2).normal(size=2000)


def column(values: object) -> Column:
    return Column.of("x", values)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (NORMAL, NORMAL + 1, "the median went from"),
        (NORMAL, NORMAL * 3, "its middle half spans"),
        (NORMAL, np.where(NORMAL > 1.2, NORMAL + 4, NORMAL), "the 95% quantile went from"),
        (["a"] * 9 + ["b"], ["a", "b"], "'a' went from 90% to 50% of rows"),
        (["a"], ["a", "b", "c", "c"], "2 categories are new with 75% (such as 'c')"),
        ([True, False], [True], "went from 50% to"),
        ([1.0] * 20, [1.0] * 10 + [None] * 10, "50% of rows have no value, 0% before"),
        ([1.0, 2.0], [1.0, 2.0], ""),
        ([1.0, 2.0], [None, None], "100% of rows have no value, 0% before"),
        (np.array(["2024-01-01", "2024-01-03"], "datetime64[D]"), np.array(["2024-03-01T10:30"], "datetime64[m]"),
         "the median went from 2024-01-01 to 2024-03-01T10:30"),
        ([250000.0, 250000.0], [1234567.0], "the median went from 250,000 to 1,235,000"),
    ],
)  # fmt: skip
def test_what_changed_most_is_what_is_told(before: object, now: object, said: str) -> None:
    found = change(column(before), column(now))
    assert said in found
    assert bool(said) == bool(found)


ANY = st.lists(st.one_of(st.none(), st.floats(allow_nan=False, width=32)), min_size=1, max_size=30)


@given(ANY, ANY)
@settings(max_examples=200, deadline=None)
def test_there_is_always_an_answer_and_the_same_is_no_change(
    before: list[float | None], now: list[float | None]
) -> None:
    assert isinstance(change(column(before), column(now)), str)
    assert change(column(before), column(before)) == ""
