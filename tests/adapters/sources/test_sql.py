"""The source `sql`."""

import sqlite3
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from mlmon_dagster.adapters.sources.sql import Sql
from mlmon_dagster.errors import DataError, InputError, MissingError
from mlmon_dagster.pipeline.windows import Windows

WINDOW = Windows(every="daily", start="2024-01-01").window("2024-02-01")
FIRST = datetime(2024, 1, 1, tzinfo=timezone.utc)


def database(folder: Path, times: list[Any]) -> Path:
    with sqlite3.connect(folder / "sales.db") as connection:
        connection.execute('CREATE TABLE sales (id INTEGER, "sold at")')
        connection.executemany("INSERT INTO sales VALUES (?, ?)", enumerate(times))
    connection.close()
    return folder


def read(folder: Path, window: bool = True, **declared: Any) -> list[Any]:
    source = Sql(url="sqlite:///sales.db", **declared)
    table = source.read(folder, "sold at", WINDOW if window else None)
    return sorted(table.column("id").to_pylist())


@pytest.mark.parametrize(
    "written",
    [
        lambda moment: moment.strftime("%Y-%m-%d"),
        lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"),
        lambda moment: moment.strftime("%Y%m%dT%H%M%S"),
        lambda moment: moment.strftime("%Y%m%d"),
        lambda moment: int(moment.timestamp()),
        lambda moment: int(moment.timestamp()) * 1000,
    ],
)
def test_the_database_leaves_out_rows_far_from_the_window(tmp_path: Path, written: Any) -> None:
    database(tmp_path, [written(FIRST + timedelta(days=n)) for n in range(60)])
    found = read(tmp_path, table="sales")
    assert set(range(30, 33)) <= set(found) <= set(range(28, 35))
    assert read(tmp_path, window=False, table="sales") == list(range(60))


@pytest.mark.parametrize("strange", ["soon", "", "20240201"])
def test_times_written_in_several_ways_are_all_read_and_left_to_the_caller(tmp_path: Path, strange: str) -> None:
    assert read(database(tmp_path, ["2024-02-01", strange, "2023-01-01"]), table="sales") == [0, 1, 2]


@pytest.mark.parametrize("times", [["20240201", "2023-01-01", "2025-01-01"], ["2024-02-01", "20230101", "20250101"]])
def test_a_time_written_unlike_its_oldest_and_newest_is_not_lost(tmp_path: Path, times: list[str]) -> None:
    assert read(database(tmp_path, times), table="sales") == [0]


def test_a_column_of_several_types_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\[SCHEMA\] column 'sold at' of the database does not hold one type"):
        read(database(tmp_path, ["2024-02-01", 20240201]), table="sales")


def test_rows_without_a_time_are_read(tmp_path: Path) -> None:
    assert read(database(tmp_path, ["2024-02-01", None, "2023-01-01"]), table="sales") == [0, 1]
    assert read(database_of_nulls(tmp_path), table="empty") == [0]


def database_of_nulls(folder: Path) -> Path:
    with sqlite3.connect(folder / "sales.db") as connection:
        connection.execute('CREATE TABLE empty (id INTEGER, "sold at")')
        connection.execute("INSERT INTO empty VALUES (0, NULL)")
    connection.close()
    return folder


def test_a_query_may_hold_colons_percents_and_a_semicolon(tmp_path: Path) -> None:
    database(tmp_path, ["2024-02-01 12:30:00", "2024-02-01 12:31:00"])
    query = """SELECT id, "sold at", ':start' AS note FROM sales WHERE "sold at" LIKE '%12:30%' ; """
    assert read(tmp_path, query=query) == [0]


def test_a_query_that_fails_is_told_in_the_databases_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="refuses the query: no such column: prize"):
        read(database(tmp_path, []), query="SELECT prize FROM sales")


def test_a_query_cannot_be_several_statements(tmp_path: Path) -> None:
    database(tmp_path, ["2024-02-01"])
    with pytest.raises(DataError, match="refuses the query"):
        read(tmp_path, query="SELECT * FROM sales); DROP TABLE sales; SELECT (1")
    assert read(tmp_path, table="sales") == [0]


def test_an_unknown_table_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no table called 'sale'; did you mean sales\?"):
        read(database(tmp_path, []), table="sale")


def test_a_database_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=f"there is no database file {tmp_path}/sales.db"):
        read(tmp_path, table="sales")
    assert not (tmp_path / "sales.db").exists()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sales.db").write_bytes(b"not a database, but long enough to be taken for one" * 30)
    with pytest.raises(DataError, match="file is not a database"):
        read(tmp_path, table="sales")


def test_exactly_one_of_query_and_table_is_needed() -> None:
    for declared in ({}, {"query": "SELECT 1", "table": "sales"}):
        with pytest.raises(ValueError, match="exactly one of `query` and `table`"):
            Sql(url="sqlite:///sales.db", **declared)


def test_an_unknown_kind_of_database_is_refused_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nosuch://me:\*\*\*@host/db cannot be opened") as caught:
        Sql(url="nosuch://me:secret@host/db", table="sales").read(tmp_path, None, None)
    assert "secret" not in str(caught.value)


@pytest.fixture
def postgres_sales(postgres_server: Any, tmp_path: Path) -> str:
    url = postgres_server.fresh(tmp_path.name)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA shop"))
        connection.execute(
            sa.text(
                "CREATE TABLE shop.sales (id int, aware timestamptz, naive timestamp, day date, price numeric(9,2))"
            )
        )
        values = [{"id": n, "at": FIRST + timedelta(days=n)} for n in range(60)]
        statement = "INSERT INTO shop.sales VALUES (:id, :at, CAST(:at AS timestamptz) AT TIME ZONE 'UTC', :at, 1.25)"
        connection.execute(sa.text(statement), values)
    return url.replace("postgresql+psycopg2", "postgresql")


@pytest.mark.postgres
@pytest.mark.parametrize("column", ["aware", "naive", "day"])
def test_postgres_leaves_out_rows_by_its_own_types(postgres_sales: str, tmp_path: Path, column: str) -> None:
    for declared in ({"table": "shop.sales"}, {"query": "SELECT *, '2024-01-01'::date AS other FROM shop.sales"}):
        table = Sql(url=postgres_sales, **declared).read(tmp_path, column, WINDOW)
        assert set(range(30, 33)) <= set(table.column("id").to_pylist()) <= set(range(28, 35))
    assert isinstance(table.column("day")[0].as_py(), date)


@pytest.mark.postgres
def test_postgres_refuses_what_it_does_not_know(postgres_sales: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match='refuses the query: column "prize" does not exist'):
        Sql(url=postgres_sales, query="SELECT prize FROM shop.sales").read(tmp_path, None, None)
    with pytest.raises(MissingError, match=r"no table called 'shop\.sale'"):
        Sql(url=postgres_sales, table="shop.sale").read(tmp_path, None, None)
