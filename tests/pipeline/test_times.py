"""Schedules, periods, days and windows."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.times import five_fields, not_above_ten_years, period
from mlmon_dagster.pipeline.windows import Windows, day


@pytest.mark.parametrize("text", ["* * * * *", "0 6 * * 1-5", "*/15 0,12 1-31/2 1 7", "59 23 31 12 0", "0 0 29 2 *"])
def test_cron_with_five_fields_is_taken(text: str) -> None:
    assert five_fields(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "* * * * * *", "61 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *",
     "5-1 * * * *", "@daily", "a * * * *", "* * * JAN *", "1,, * * * *", "*  * * * *", "-1 * * * *", "٣ * * * *",
     "0 0 30 2 *", "0 0 31 2 1", "0 0 31 4,6 *"],
)  # fmt: skip
def test_other_cron_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="is no cron expression"):
        five_fields(text)


FIELD = st.lists(st.from_regex(r"(\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?", fullmatch=True), min_size=1, max_size=2)


@settings(deadline=None, max_examples=300)
@given(st.lists(FIELD.map(",".join), min_size=5, max_size=5).map(" ".join))
def test_what_is_taken_as_cron_dagster_takes_too(text: str) -> None:
    from dagster._utils.schedules import is_valid_cron_string

    try:
        five_fields(text)
    except PydanticCustomError:
        return
    assert is_valid_cron_string(text)


def test_periods_are_at_most_ten_years() -> None:
    assert period(not_above_ten_years("3660d")).days == 3660
    with pytest.raises(PydanticCustomError, match="at most ten years"):
        not_above_ten_years("3661d")


@pytest.mark.parametrize("text", ["2014-13-01", "2014-1-1", "20140101", "0001-01-01", "9999-12-31", "2014-01-01 ", ""])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a day"):
        day(text)


def test_windows_that_end_before_they_start_are_refused() -> None:
    with pytest.raises(ValueError, match="end"):
        Windows("daily", "2020-02-01", "2020-02-01")


@pytest.mark.parametrize("every", ["hourly", "daily", "weekly", "monthly"])
def test_windows_follow_one_another_without_gaps(every: str) -> None:
    windows = Windows(every, "2024-02-26", "2024-04-03")  # type: ignore[arg-type]
    found = list(windows.between(windows.first, windows.last))
    assert all(one.end == other.start for one, other in itertools.pairwise(found))
    assert all(windows.window(one.key) == one and windows.at(one.start) == one for one in found)


def test_a_moment_that_starts_no_window_is_told_its_window() -> None:
    with pytest.raises(InputError, match="2014-05-05"):
        Windows("weekly", "2014-05-05").window("2014-05-07")
