"""The source `url`."""

from pathlib import Path

import fsspec
import pytest

from mlmon_dagster.adapters.sources.url import Url
from mlmon_dagster.errors import DataError


def put(url: str, text: str) -> str:
    with fsspec.open(url, "w") as file:
        file.write(text)
    return url


def test_a_glob_reads_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        put(f"memory://{tmp_path.name}/{name}.csv", f"x\n{name}\n")
    table = Url(f"memory://{tmp_path.name}/*.csv").read(tmp_path, None, None)
    assert table.column("x").to_pylist() == ["a", "b"]


def test_a_file_that_cannot_be_read_is_named_by_its_address(tmp_path: Path) -> None:
    url = put(f"memory://{tmp_path.name}/sales.csv", "x,y\n1,2\n1,2,3\n")
    with pytest.raises(DataError, match=rf"memory:///?{tmp_path.name}/sales.csv") as caught:
        Url(url).read(tmp_path, None, None)
    assert str(tmp_path.parent.parent) not in str(caught.value)
