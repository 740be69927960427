"""Rows from wherever a person has them."""

import gzip
import io
import sqlite3
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlmon_dagster.adapters.inputs import read_input
from mlmon_dagster.adapters.parquet import LazyColumns, ParquetFiles
from mlmon_dagster.adapters.tables import read_table
from mlmon_dagster.errors import DataError, InputError, MissingError

TABLE = pa.table({"id": [1, 2, 3], "price": [10.5, None, 12.0], "city": ["Ulm", "Bonn", None]})
CSV = b"id,price,city\n1,10.5,Ulm\n2,,Bonn\n3,12.0,\n"
LINES = b'{"id": 1, "price": 10.5, "city": "Ulm"}\n{"id": 2, "city": "Bonn"}\n{"id": 3, "price": 12, "city": null}\n'


@pytest.fixture
def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink)
    return sink.getvalue()


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz"])
def test_json_lines_are_rows_and_a_key_that_lacks_is_null(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(LINES) if name.endswith(".gz") else LINES)
    assert read_table(tmp_path / name).to_pydict() == TABLE.to_pydict()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"id": 1}\n{"id": "x"}\n', r"\[JSON\].*changed from number to string in row 1"),
        (b'{"id": 1}\n{"id"', r"\[JSON\].*in row 1"),
        (b"[1, 2]", r"\[JSON\].*from object to array"),
        (b"", r"\[EMPTY_FILE\]"),
    ],
)
def test_broken_json_lines_are_told_with_their_row(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_table(tmp_path / "a.jsonl")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_standard_input_may_be_any_of_the_kinds(kind: str, parquet: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"csv": CSV, "jsonl": LINES, "parquet": parquet}[kind]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read_input("-").to_pydict() == TABLE.to_pydict()


def test_empty_and_broken_standard_input_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(DataError, match="standard input is empty"):
        read_input("-")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"PAR1 cut")))
    with pytest.raises(DataError, match=r"standard input\.parquet"):
        read_input("-")


@pytest.fixture
def database(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "sales.db") as connection:
        connection.execute("create table sales (id integer, price real, city text)")
        connection.executemany("insert into sales values (?, ?, ?)", zip(*TABLE.to_pydict().values(), strict=True))
    return f"sqlite:///{tmp_path}/sales.db"


@pytest.mark.parametrize(("query", "rows"), [("sales", 3), ("select * from sales where id > 1", 2)])
def test_a_database_gives_the_rows_of_a_table_or_a_query(database: str, query: str, rows: int) -> None:
    found = read_input(database, query)
    assert (found.num_rows, found.column_names) == (rows, TABLE.column_names)


@pytest.mark.parametrize(
    ("query", "error", "said"),
    [
        (None, InputError, "a database URL needs a query"),
        (" ", InputError, "the query is empty"),
        ("sale", MissingError, "there is no table called 'sale'; did you mean sales?"),
        ("select * from nowhere", DataError, "no such table: nowhere"),
    ],
)
def test_a_database_asked_wrongly_says_what_was_expected(
    database: str, query: str | None, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        read_input(database, query)
    assert said in str(caught.value)


def test_a_query_for_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    with pytest.raises(InputError, match="which is no database"):
        read_input(str(tmp_path / "a.csv"), "select 1")


def test_a_file_url_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    assert read_input((tmp_path / "a.csv").as_uri()).num_rows == 3


def test_the_numbering_of_rows_that_pandas_adds_is_no_column(tmp_path: Path) -> None:
    rows = TABLE.to_pandas()
    rows[rows.id > 1].to_parquet(tmp_path / "rows.parquet")
    assert "__index_level_0__" in pq.read_schema(tmp_path / "rows.parquet").names
    assert read_input(str(tmp_path / "rows.parquet")).column_names == TABLE.column_names
    assert ParquetFiles.of(tmp_path / "rows.parquet").names == tuple(TABLE.column_names)
    assert list(LazyColumns(tmp_path / "rows.parquet")) == TABLE.column_names
