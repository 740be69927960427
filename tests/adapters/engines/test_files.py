"""Files that do not have the same columns, or not in the same types: every engine that reads files makes one table."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlmon_dagster import plugins
from mlmon_dagster.adapters.tables import read_table
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError
from mlmon_dagster.ports import Rows

RANDOM = np.random.default_rng(0)
PROFILE = Profile.of(
    {
        "x": RANDOM.normal(0, 100, 20_000),
        "y": RANDOM.integers(0, 10**6, 20_000),
        "city": RANDOM.choice(["Ulm", "Bonn"], 20_000),
    }
)
WHOLE, BROKEN = np.arange(50), np.arange(50) / 4
FIRST: dict[str, Any] = {"x": BROKEN, "y": WHOLE, "city": ["Ulm"] * 50}
LATER: dict[str, dict[str, Any]] = {
    "a column is lacking": {"x": BROKEN, "city": ["Bonn"] * 50},
    "another order": {"city": ["Bonn"] * 50, "y": WHOLE, "x": BROKEN},
    "whole numbers where there were none": {**FIRST, "x": WHOLE},
    "no whole numbers where there were": {**FIRST, "y": BROKEN},
    "narrow numbers": {**FIRST, "y": pa.array(WHOLE, pa.int32())},
    "nothing but null": {**FIRST, "y": pa.nulls(50), "city": pa.nulls(50)},
    "categories as codes": {**FIRST, "city": pa.array(["Bonn"] * 50).dictionary_encode()},
    "no row": {name: pa.array(values)[:0] for name, values in FIRST.items()},
}
ALIKE = ("a column is lacking", "another order", "categories as codes", "no row")
"""What Spark merges too."""


def stored(folder: Path, *tables: dict[str, Any]) -> Rows:
    for number, table in enumerate(tables):
        pq.write_table(pa.table(table), folder / f"{number}.parquet")
    return Rows(place=str(folder))


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize("case", LATER)
@pytest.mark.parametrize("name", ["memory", "streaming", "duckdb", "polars"])
def test_files_that_differ_are_one_table(name: str, case: str, first: bool, tmp_path: Path) -> None:
    tables = (FIRST, LATER[case]) if first else (LATER[case], FIRST)
    rows = stored(tmp_path, *tables)
    found = plugins.parse("engine", name).count(rows, PROFILE)
    assert found.digest == PROFILE.counted(read_table(tmp_path)).digest
    assert found.rows == sum(len(table["x"]) for table in tables)
    if case == "a column is lacking":
        assert found.columns["y"].missing == 50


@pytest.mark.slow
def test_spark_makes_one_table_too_or_says_why_not(tmp_path: Path) -> None:
    pytest.importorskip("pyspark")
    engine = plugins.parse("engine", {"use": "spark", "master": "local[2]"})
    for number, case in enumerate(LATER):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = stored(folder, FIRST, LATER[case])
        if case in ALIKE:
            assert engine.count(rows, PROFILE).digest == PROFILE.counted(read_table(folder)).digest, case
        else:
            with pytest.raises(DataError, match=r"in several types, which Spark does not merge"):
                engine.count(rows, PROFILE)


@pytest.mark.parametrize("name", ["memory", "streaming"])
def test_text_beside_numbers_is_refused_with_the_columns_name(name: str, tmp_path: Path) -> None:
    rows = stored(tmp_path, FIRST, {**FIRST, "y": ["many"] * 50})
    with pytest.raises(DataError, match=r"\by\b"):
        plugins.parse("engine", name).count(rows, PROFILE)
