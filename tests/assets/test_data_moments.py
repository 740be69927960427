"""Reading a time column."""

from datetime import date, datetime, timezone
from typing import Any

import pyarrow as pa
import pytest

from mlmon_dagster.assets.moments import parse_moments
from mlmon_dagster.errors import DataError, InputError

NOON = datetime(2014, 5, 2, 12, tzinfo=timezone.utc)
MIDNIGHT = datetime(2014, 5, 2, tzinfo=timezone.utc)


def moments(
    values: list[Any], zone: str = "UTC", kind: pa.DataType | None = None
) -> tuple[list[Any], list[str | None]]:
    parsed = parse_moments(pa.chunked_array([pa.array(values, kind)]), zone)
    return parsed.values.to_pylist(), parsed.reasons.to_pylist()


@pytest.mark.parametrize(
    "value",
    [
        "2014-05-02T12:00:00Z",
        "2014-05-02T12:00:00z",
        "2014-05-02T14:00:00+02:00",
        "2014-05-02T14:00:00+0200",
        "2014-05-02 07:00:00.000000-05",
        "2014-05-02T12:00",
        "2014-05-02 12:00:00",
        "20140502T120000",
        "20140502T120000Z",
        " 2014-05-02T12:00:00,000 ",
        "1399032000",
        "1399032000000",
        1399032000,
        1399032000000,
        1399032000.0,
        datetime(2014, 5, 2, 12),
        NOON,
    ],
)
def test_one_moment_has_many_spellings(value: Any) -> None:
    assert moments([value]) == ([NOON], [None])


@pytest.mark.parametrize("value", ["2014-05-02", "20140502", "20140502T000000", 20140502, date(2014, 5, 2)])
def test_a_day_is_its_first_moment(value: Any) -> None:
    assert moments([value]) == ([MIDNIGHT], [None])


def test_a_day_of_a_zone_begins_there() -> None:
    for day in ("2014-05-02", date(2014, 5, 2)):
        assert moments([day], "America/Los_Angeles")[0] == [datetime(2014, 5, 2, 7, tzinfo=timezone.utc)]


def test_microseconds_are_kept() -> None:
    assert moments(["2014-05-02T12:00:00.123456789Z"])[0] == [NOON.replace(microsecond=123456)]


def test_an_offset_wins_over_the_declared_zone() -> None:
    assert moments(["2014-05-02T12:00:00Z", "2014-05-02T12:00:00"], "Europe/Berlin")[0] == [NOON, NOON.replace(hour=10)]


@pytest.mark.parametrize("value", ["2014-03-09T02:30:00", datetime(2014, 3, 9, 2, 30)])
def test_a_local_time_that_a_clock_change_skips_is_no_moment(value: Any) -> None:
    assert moments([value], "America/Los_Angeles") == ([None], ["local time that America/Los_Angeles skips"])


def test_a_local_time_that_a_clock_change_repeats_is_its_first_occurrence() -> None:
    first = datetime(2014, 11, 2, 8, 30, tzinfo=timezone.utc)
    assert moments(["2014-11-02T01:30:00"], "America/Los_Angeles") == ([first], [None])


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "14",
        "02/05/2014",
        "2014-1-1",
        "2014-02-30",
        "2014-13-01",
        "0000-01-01",
        "0001-01-01T00:00:00+14:00",
        "2014-05-02T24:00:00",
        "2014-05-02T12:00:60Z",
        "2014-05-02T12:00:00+25:00",
        "2014-05-02T12:00:00+02:60",
    ],
)
def test_what_is_no_time_says_so(value: str) -> None:
    values, reasons = moments([value, "2014-05-02"])
    assert values == [None, MIDNIGHT]
    assert reasons[0] is not None
    assert value in reasons[0]


@pytest.mark.parametrize("value", [-5, 10**15, float("inf"), 1e40])
def test_a_number_that_is_no_time_says_so(value: float) -> None:
    assert "unreadable time" in str(moments([value])[1][0])


@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.float64(), pa.timestamp("s"), pa.date32(), pa.null()])
def test_nothing_is_no_time(kind: pa.DataType) -> None:
    assert moments([None], kind=kind) == ([None], ["no time"])


def test_empty_text_is_no_time() -> None:
    assert moments(["", "  "])[1] == ["no time", "no time"]


def test_a_column_of_something_else_is_refused() -> None:
    with pytest.raises(DataError, match="column of bool cannot be read as times"):
        moments([True])


def test_an_unknown_zone_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="no time zone 'Europe/Atlantis'"):
        moments(["2014-05-02"], "Europe/Atlantis")
