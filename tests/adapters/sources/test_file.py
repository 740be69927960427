"""The source `file`."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlmon_dagster.adapters.sources.file import File
from mlmon_dagster.errors import DataError, MissingError


def parquet(path: Path, **columns: list[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def test_a_glob_reads_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, value in (("b", 2), ("a", 1), ("c", 3)):
        parquet(tmp_path / "data" / f"{name}.parquet", x=[value])
    (tmp_path / "data" / "README.md").write_text("not rows")
    assert File("data/*.parquet").read(tmp_path, None, None).column("x").to_pylist() == [1, 2, 3]
    assert File(f"{tmp_path}/**/[ab].parquet").read(Path("/"), None, None).column("x").to_pylist() == [1, 2]


def test_a_column_that_one_file_lacks_is_null_there(tmp_path: Path) -> None:
    parquet(tmp_path / "1.parquet", x=[1])
    parquet(tmp_path / "2.parquet", x=[2.5], y=["new"])
    table = File("*.parquet").read(tmp_path, None, None)
    assert table.to_pydict() == {"x": [1.0, 2.5], "y": [None, "new"]}


def test_types_that_do_not_go_together_are_named_with_their_files(tmp_path: Path) -> None:
    parquet(tmp_path / "1.parquet", x=[1])
    parquet(tmp_path / "2.parquet", x=["one"])
    message = rf"\[SCHEMA\] column 'x' is int64 in {tmp_path}/1.parquet and string in {tmp_path}/2.parquet"
    with pytest.raises(DataError, match=message):
        File("*.parquet").read(tmp_path, None, None)


@pytest.mark.parametrize("path", ["sales.csv", "data/*.csv", "data"])
def test_what_is_not_there_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(MissingError, match=str(tmp_path / path).replace("*", r"\*")):
        File(path).read(tmp_path, None, None)
