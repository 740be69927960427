"""Cutting the rows of one window."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from mlmon_dagster.assets.window_rows import WindowRows, cut
from mlmon_dagster.errors import DataError
from mlmon_dagster.lifecycle.outputs import encode
from mlmon_dagster.pipeline.source import Rows
from mlmon_dagster.pipeline.windows import Windows

WINDOW = Windows(every="daily", start="2024-01-01").window("2024-01-02")
NOW = datetime(2024, 2, 1, tzinfo=timezone.utc)


def rows(times: list[Any], **columns: list[Any]) -> pa.Table:
    return pa.table({"at": times, "id": list(range(len(times)))} | columns)


def found(table: pa.Table, key: tuple[str, ...] = ("id",), now: datetime = NOW) -> WindowRows:
    return cut(table, Rows(time="at", key=key), WINDOW, now)


def test_a_window_holds_its_start_and_not_its_end() -> None:
    edges = ["2024-01-01T23:59:59.999999", "2024-01-02", "2024-01-02T23:59:59.999999", "2024-01-03"]
    assert found(rows(edges)).rows.column("id").to_pylist() == [1, 2]


def test_times_become_utc_and_stay_under_their_name() -> None:
    kept = found(rows(["2024-01-02T01:00:00+01:00"])).rows
    assert kept.schema.field("at").type == pa.timestamp("us", "UTC")
    assert kept.column("at").to_pylist() == [WINDOW.start]
    assert kept.column_names == ["at", "id"]


def test_rows_without_a_readable_time_are_set_aside_as_they_came() -> None:
    aside = found(rows(["2024-01-02", "soon", None])).quarantine
    assert aside.select(["at", "id", "reason"]).to_pylist() == [
        {"at": "soon", "id": 1, "reason": "unreadable time 'soon'"},
        {"at": None, "id": 2, "reason": "no time"},
    ]


def test_the_first_of_one_key_is_kept_and_the_others_are_set_aside() -> None:
    result = found(rows(["2024-01-02"] * 4, id=[7, 8, 7, 7], price=[1, 2, 3, 4]))
    assert result.rows.column("price").to_pylist() == [1, 2]
    assert result.quarantine.select(["price", "reason"]).to_pylist() == [
        {"price": 3, "reason": "duplicate key"},
        {"price": 4, "reason": "duplicate key"},
    ]


def test_a_key_of_another_window_is_no_duplicate() -> None:
    assert found(rows(["2024-01-01", "2024-01-02"], id=[7, 7])).rows.num_rows == 1


def test_a_row_that_is_set_aside_does_not_take_its_key_along() -> None:
    result = found(rows(["soon", "2024-01-02"], id=[7, 7]))
    assert (result.rows.num_rows, result.quarantine.num_rows) == (1, 1)


def test_the_time_may_be_part_of_the_key() -> None:
    times = ["2024-01-02T10:00:00Z", "2024-01-02T11:00:00+01:00", "2024-01-02T12:00:00Z"]
    result = found(rows(times, id=[7, 7, 7]), key=("id", "at"))
    assert (result.rows.num_rows, result.quarantine.num_rows) == (2, 1)


def test_a_row_without_its_key_is_set_aside() -> None:
    assert found(rows(["2024-01-02"], id=[None])).quarantine.column("reason").to_pylist() == ["no key (id is empty)"]


def test_without_a_key_equal_rows_are_all_kept() -> None:
    assert found(rows(["2024-01-02"] * 3, id=[7, 7, 7]), key=()).rows.num_rows == 3


def test_times_ahead_of_now_are_set_aside() -> None:
    now = WINDOW.start + timedelta(hours=1)
    result = found(rows(["2024-01-02T01:04:00", "2024-01-02T01:06:00"]), now=now)
    assert result.rows.column("id").to_pylist() == [0]
    assert result.quarantine.column("reason").to_pylist() == ["a time in the future"]


def test_the_order_of_the_source_does_not_change_the_bytes() -> None:
    table = rows(["2024-01-02T03:00", "2024-01-02", "2024-01-02"], id=[3, 2, 1])
    for key in (("id",), ()):
        one, other = found(table, key), found(table.take([2, 0, 1]), key)
        assert encode(one.rows, one.order) == encode(other.rows, other.order)
        assert one.digest == other.digest


def test_a_window_without_rows_keeps_its_columns() -> None:
    empty = found(rows(["2024-05-01"])).rows
    assert (empty.num_rows, empty.column_names) == (0, ["at", "id"])


def test_a_table_without_rows_is_an_empty_window() -> None:
    assert found(pa.table({"at": pa.nulls(0), "id": pa.nulls(0)})).rows.num_rows == 0


def test_a_column_that_vanished_is_named_with_those_that_are_there() -> None:
    with pytest.raises(DataError, match=r"\[SCHEMA\] in the source there is no column called 'at'.*\(known: At, id\)"):
        found(pa.table({"At": ["2024-01-02"], "id": [1]}))
    with pytest.raises(DataError, match="'house'"):
        found(rows(["2024-01-02"]), key=("house",))


def test_a_column_called_reason_gives_way_in_quarantine() -> None:
    aside = found(rows(["soon"], reason=["divorce"])).quarantine
    assert aside.column("reason_of_source").to_pylist() == ["divorce"]
    assert aside.column("reason").to_pylist() == ["unreadable time 'soon'"]
