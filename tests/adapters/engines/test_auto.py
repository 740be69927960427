"""The engine `auto`: which one it takes, never what is counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlmon_dagster import plugins
from mlmon_dagster.adapters.engines.auto import Auto, told
from mlmon_dagster.errors import MissingError
from mlmon_dagster.plugins import name_of
from mlmon_dagster.ports import Rows

TABLE = pa.table({"x": [1.0, 2.0]})


def chosen(rows: Rows, **fields: Any) -> str:
    return name_of(type(plugins.parse("engine", {"use": "auto", **fields}).chosen(rows)))


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (Rows(place="-"), "memory"),
        (Rows(place="s3://bucket/rows.parquet"), "memory"),
        (Rows(place="sqlite:///sales.db", query="sales"), "memory"),
        (Rows(place="duckdb:///sales.duckdb", query="sales"), "duckdb"),
        (Rows(place="postgresql+psycopg2://host/db", query="sales"), "ibis"),
        (Rows(place="athena://", query="sales"), "ibis"),
        (Rows(place="rows/*.parquet", query="SELECT x FROM rows"), "duckdb"),
        (Rows(table=TABLE), "memory"),
        (Rows(table={"x": [1.0]}), "memory"),
        (Rows(table=TABLE.to_pandas()), "memory"),
        (Rows(table=TABLE, query="SELECT x FROM rows"), "duckdb"),
    ],
)
def test_the_place_of_the_rows_tells_the_engine(rows: Rows, name: str) -> None:
    assert chosen(rows) == name


def test_frames_that_are_not_read_yet_are_counted_by_their_own_library() -> None:
    polars, duckdb = pytest.importorskip("polars"), pytest.importorskip("duckdb")
    ibis = pytest.importorskip("ibis")
    assert chosen(Rows(table=polars.LazyFrame({"x": [1.0]}))) == "polars"
    assert chosen(Rows(table=polars.DataFrame({"x": [1.0]}))) == "memory"
    assert chosen(Rows(table=duckdb.connect().sql("SELECT 1.0 AS x"))) == "duckdb"
    assert chosen(Rows(table=ibis.table({"x": "float64"}, name="sales"))) == "ibis"


@pytest.mark.parametrize(("ending", "large"), [("parquet", "streaming"), ("csv", "duckdb"), ("jsonl", "memory")])
def test_the_size_of_files_tells_the_engine(tmp_path: Path, ending: str, large: str) -> None:
    (tmp_path / f"rows.{ending}").write_bytes(b"0" * 1_000_001)
    rows = Rows(place=str(tmp_path / f"rows.{ending}"))
    assert (chosen(rows, in_memory_mb=2), chosen(rows, in_memory_mb=1)) == ("memory", large)


def test_parquet_is_as_large_as_it_is_once_it_is_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": np.zeros(400_000), "y": np.ones(400_000)}), tmp_path / "rows.parquet")
    rows = Rows(place=str(tmp_path / "rows.parquet"))
    assert (tmp_path / "rows.parquet").stat().st_size < 100_000
    assert (chosen(rows, in_memory_mb=7), chosen(rows, in_memory_mb=6)) == ("memory", "streaming")
    assert told(Auto(6), rows).startswith("streaming: 6.4 MB once they are read are not less than in_memory_mb: 6")


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"nowhere\.parquet"):
        chosen(Rows(place=str(tmp_path / "nowhere.parquet")))


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (Rows(place="postgresql+psycopg2://host/db", query="sales"), "ibis: postgresql counts by itself, in SQL"),
        (Rows(place="s3://bucket/rows.parquet"), "memory: s3 is read whole"),
        (Rows(table=TABLE), "memory: a table that is in memory already"),
    ],
)
def test_its_choice_is_told_with_its_reason(rows: Rows, why: str) -> None:
    assert told(plugins.parse("engine", "auto"), rows) == why
    assert told(plugins.parse("engine", "polars"), rows) == "polars"
