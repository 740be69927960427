"""Files of rows as people have them: zipped, split, mixed, cut, empty."""

import gzip
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlmon_dagster.adapters.tables import read_table
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.errors import DataError, MissingError

CSV = "id,price,city\n1,10.5,Ulm\n2,,Bonn\n3,12.0,\n"
TABLE = pa.table({"id": [1, 2, 3], "price": [10.5, None, 12.0], "city": ["Ulm", "Bonn", None]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    pq.write_table(TABLE, tmp_path / "c.parquet")
    return tmp_path


@pytest.mark.parametrize("name", ["a.csv", "b.csv.gz", "c.parquet"])
def test_every_kind_of_file_gives_the_same_rows(folder: Path, name: str) -> None:
    assert read_table(folder / name).to_pydict() == TABLE.to_pydict()


@pytest.mark.parametrize("pattern", ["", "*.*", "[abc].*"])
def test_a_folder_and_a_glob_are_all_their_files(folder: Path, pattern: str) -> None:
    assert read_table(folder / pattern).num_rows == 9


def test_a_glob_may_be_relative(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert read_table("*.csv").num_rows == 3


def test_files_whose_types_widen_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("price\n1\n")
    (tmp_path / "b.csv").write_text("price\n1.5\n")
    assert read_table(tmp_path).column("price").to_pylist() == [1.0, 1.5]


def test_a_declared_type_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("zip\n01234\n")
    assert read_table(tmp_path / "a.csv", {"zip": "string"}).column("zip").to_pylist() == ["01234"]


def test_a_missing_file_is_told_with_what_lies_beside_it(folder: Path) -> None:
    with pytest.raises(MissingError, match=r"there is no file .*prices\.csv") as caught:
        read_table(folder / "prices.csv")
    assert "a.csv, b.csv.gz, c.parquet" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", b"", r"\[EMPTY_FILE\].* is empty"),
        ("rows.csv", b"a,b\n1,2\n3,4,5\n", r"\[CSV\].*Row #3: Expected 2 columns, got 3"),
        ("rows.csv", b"a\n\xff\xfe\n\xe4\n", r"\[ENCODING\]"),
        ("rows.csv", b"a,a\n1,2\n", r"more than one column called a"),
        ("rows.parquet", b"PK\x03\x04 a zip", r"\[FORMAT\].* is not a Parquet file, whatever its name says"),
        ("rows.parquet", b"PAR1 cut off here", r"\[CORRUPT\]"),
        ("rows.csv.gz", b"not gzip at all", r"\[CORRUPT\]"),
        ("rows.xlsx", b"PK", r"\[FORMAT\].*expected a name ending in \.csv, \.csv\.gz, \.parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_name(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read_table(tmp_path / name)
    assert name in caught.value.message


def test_files_with_columns_that_do_not_fit_together_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("price\n1\n")
    (tmp_path / "b.csv").write_text("price\nUlm\n")
    with pytest.raises(DataError, match=r"do not have the same columns"):
        read_table(tmp_path)


def test_columns_have_the_kind_of_their_type() -> None:
    table = pa.table(
        {
            "whole": pa.array([1, None], pa.int32()),
            "wide": pa.array([2**60 + 1, 2**60], pa.int64()),
            "part": pa.array([1.5, None], pa.float32()),
            "exact": pa.array([Decimal("1.50"), Decimal("2.25")]),
            "yes": pa.array([True, None]),
            "day": pa.array([date(2026, 1, 1), None]),
            "at": pa.array([datetime(2026, 1, 1, 12), None], pa.timestamp("us", "UTC")),
            "city": pa.array(["Ulm", None]).dictionary_encode(),
            "none": pa.nulls(2),
        }
    )
    columns = columns_of(table)

    assert {name: one.kind for name, one in columns.items()} == {
        "whole": "numeric", "wide": "numeric", "part": "numeric", "exact": "numeric", "yes": "boolean",
        "day": "datetime", "at": "datetime", "city": "categorical", "none": "numeric",
    }  # fmt: skip
    assert {name: one.missing for name, one in columns.items() if one.missing != 1} == {
        "wide": 0,
        "exact": 0,
        "none": 2,
    }
    assert columns["wide"].values.tolist() == [2**60, 2**60 + 1]
    assert columns["exact"].values.tolist() == [1.5, 2.25]
    assert columns["at"].values.tolist() == [np.datetime64("2026-01-01T12", "ns").astype(np.int64)]


def test_a_column_that_no_method_can_compare_is_named() -> None:
    with pytest.raises(DataError, match="column 'parts' has the type list"):
        columns_of(pa.table({"parts": [[1, 2]]}))
