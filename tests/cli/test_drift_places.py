"""Where `mlmon drift` finds rows, what counts them there, and what it says of columns that it cannot measure."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from mlmon_dagster.cli import group
from mlmon_dagster.errors import DataError, InputError


def text(*arguments: str) -> str:
    result = CliRunner().invoke(group, ["drift", *arguments], standalone_mode=False)
    assert result.exception is None
    assert result.return_value == 0
    return result.output


def answer(*arguments: str) -> dict:
    return json.loads(text(*arguments, "--json"))


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(group, ["drift", *arguments], standalone_mode=False)
    assert isinstance(result.exception, InputError)
    return str(result.exception)


def test_columns_that_are_not_wanted_may_be_of_any_type(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"price": np.arange(200.0), "tags": [["a"]] * 200}), file)
    sides = ("--reference", str(file), "--current", str(file))
    for engine in ((), ("--engine", "streaming"), ("--engine", "duckdb")):
        assert [one["column"] for one in answer(*sides, "--columns", "price", *engine)["columns"]] == ["price"]
    assert "'tags' has the type list" in refused(*sides)
    assert "--columns names those" in refused(*sides)
    assert "did you mean price?" in refused(*sides, "--columns", "pice")


def test_each_side_says_which_engine_counted_it_and_why(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"price": np.arange(200.0)}), file)
    sides = ("--reference", str(file), "--current", str(file))
    found = answer(*sides, "--engine", "auto")["window"]["engine"]
    assert found == "memory: 0.0 MB once they are read are less than in_memory_mb: 64"
    assert answer(*sides)["reference"]["engine"] is None
    why = "0.0 MB once they are read are not less than in_memory_mb: 0, all of it Parquet"
    assert f"window counted by streaming: {why}" in text(*sides, "--engine", "{use: auto, in_memory_mb: 0}")


def test_what_stands_in_names_of_folders_only_is_told_and_can_be_read(tmp_path: Path) -> None:
    for city in ("Ulm", "Bonn"):
        (tmp_path / f"city={city}").mkdir()
        pq.write_table(pa.table({"price": np.arange(200.0)}), tmp_path / f"city={city}" / "rows.parquet")
    sides = ("--reference", str(tmp_path), "--current", str(tmp_path))
    assert "in names of folders only, not compared: city" in text(*sides)
    read = answer(*sides, "--engine", "{use: duckdb, partitions: true}")
    assert [one["column"] for one in read["columns"]] == ["price", "city"]


def test_a_duckdb_database_needs_no_driver_of_sqlalchemy(tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(tmp_path / "sales.duckdb")) as connection:
        connection.execute("CREATE TABLE sales AS SELECT i::DOUBLE AS price FROM range(200) AS t(i)")
    url = f"duckdb:///{tmp_path}/sales.duckdb"
    sides = ("--reference", url, "--reference-query", "sales", "--current", url)
    assert answer(*sides, "--current-query", "SELECT price FROM sales")["window"]["rows"] == 200
    assert "nowhere" in refused(*sides, "--current-query", "nowhere")


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_a_file_with_another_separator_is_told_so(tmp_path: Path, separator: str, name: str) -> None:
    (tmp_path / "rows.csv").write_text(f"price{separator}city\n1,5{separator}Ulm\n")
    file = str(tmp_path / "rows.csv")
    assert f"its first line has {name}" in refused("--reference", file, "--current", file)


def test_a_file_of_bytes_says_nothing_that_a_terminal_would_obey(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"a\n\x1b[2J,\x07,\x00\n")
    result = CliRunner().invoke(
        group, ["drift", "--reference", str(tmp_path / "rows.csv"), "--current", "-"], standalone_mode=False
    )
    assert isinstance(result.exception, DataError)
    assert str(result.exception).replace("\n", "").isprintable()


def test_a_report_that_cannot_come_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"price": np.arange(200.0)}), file)
    arguments = ["drift", "--reference", str(file), "--current", str(file), "--report-by", "evidently"]
    for more, says in (([], "add --report FILE"), (["--report", "x.html", "--engine", "duckdb"], "leave --engine out")):
        result = CliRunner().invoke(group, [*arguments, *more])
        assert (result.exit_code, says in result.output, "verdict" in result.output) == (2, True, False)
