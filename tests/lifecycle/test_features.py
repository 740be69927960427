"""The offline feature store."""

import random
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from mlmon_dagster.errors import DataError, InputError
from mlmon_dagster.lifecycle.features import connect, point_in_time


def brute_force(spine: pa.Table, features: pa.Table) -> list[int | None]:
    found = []
    for row in spine.to_pylist():
        known = [f for f in features.to_pylist() if f["house"] == row["house"] and f["at"] <= row["at"]]
        found.append(max(enumerate(known), key=lambda place: (place[1]["at"], place[0]))[1]["price"] if known else None)
    return found


def table(rows: int, rng: random.Random, **columns: Any) -> pa.Table:
    houses, times = [rng.randrange(4) for _ in range(rows)], [rng.randrange(20) for _ in range(rows)]
    return pa.table({"house": houses, "at": pa.array(times, pa.timestamp("us", "UTC"))} | columns)


@pytest.mark.parametrize("seed", range(20))
def test_the_join_is_what_looking_row_by_row_finds(seed: int) -> None:
    rng = random.Random(seed)
    spine, features = table(rng.randrange(40), rng), table(n := rng.randrange(40), rng, price=list(range(n)))
    joined = point_in_time(spine, features, key=["house", "at"], time="at")
    assert joined.column("price").to_pylist() == brute_force(spine, features)
    assert joined.select(["house", "at"]).to_pylist() == spine.to_pylist()


def test_a_column_that_is_not_there_is_named() -> None:
    spine = pa.table({"house": [1], "at": [1]})
    with pytest.raises(DataError, match=r"in the features there is no column called 'at'"):
        point_in_time(spine, pa.table({"house": [1], "when": [1]}), key=["house"], time="at")


def test_columns_that_both_have_are_refused() -> None:
    spine = pa.table({"house": [1], "at": [1], "price": [1]})
    with pytest.raises(InputError, match="both tables have price"):
        point_in_time(spine, spine, key=["house"], time="at")


def test_keys_that_do_not_compare_are_refused() -> None:
    spine, features = pa.table({"house": [1], "at": [1]}), pa.table({"house": [[1]], "at": [1], "price": [1]})
    with pytest.raises(DataError, match="do not compare"):
        point_in_time(spine, features, key=["house"], time="at")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('https://example.org')",
        "COPY (SELECT 1) TO '/tmp/stolen.csv'",
        "ATTACH '/tmp/stolen.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SELECT * FROM rows_of_the_caller",
    ],
)
def test_sql_reaches_nothing_but_its_own_tables(statement: str) -> None:
    rows_of_the_caller = pa.table({"x": [1]})
    with connect() as connection, pytest.raises(duckdb.Error):
        connection.execute(statement).fetchall()
    assert rows_of_the_caller.num_rows == 1
