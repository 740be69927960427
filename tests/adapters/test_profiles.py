"""Profiles of files: in pieces as in one, whatever the row groups, and told apart from rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlmon_dagster import plugins
from mlmon_dagster.adapters.parquet import LazyColumns, ParquetFiles, is_parquet
from mlmon_dagster.adapters.profiles import (
    build_profile,
    build_profile_by,
    count_profile,
    is_profile,
    read_profile,
    write_profile,
)
from mlmon_dagster.drift.building import built
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, MissingError
from mlmon_dagster.ports import Rows

ROWS = 30_000


def table(rows: int = ROWS, seed: int = 0, shift: float = 0.0) -> pa.Table:
    random = np.random.default_rng(seed)
    gaps = random.random(rows) < 0.1
    return pa.table(
        {
            "price": pa.array(random.lognormal(size=rows) + shift, mask=gaps),
            "wide": random.integers(0, 10**12, rows),
            "rooms": random.integers(0, 9, rows),
            "city": pa.array(random.choice(["Ulm", "Bonn", "Köln"], rows), mask=gaps),
            "sold": random.random(rows) < 0.5,
            "at": pa.array(random.integers(0, 10**9, rows), pa.timestamp("s")),
            "single": random.normal(size=rows).astype(np.float32),
        }
    )


def written(folder: Path, rows: pa.Table, files: int, group: int) -> str:
    folder.mkdir()
    each = -(-rows.num_rows // files)
    for place in range(files):
        pq.write_table(rows.slice(place * each, each), folder / f"{place}.parquet", row_group_size=group)
    return str(folder)


@pytest.fixture(scope="module")
def reference() -> Profile:
    return Profile.of(table())


@pytest.mark.parametrize(("files", "group", "batch"), [(1, 40_000, 50_000), (3, 1_000, 700), (2, 20_000, 1_024)])
def test_counts_are_the_same_bytes_from_any_files_and_pieces(
    tmp_path: Path, reference: Profile, files: int, group: int, batch: int
) -> None:
    window = table(20_000, 1, 0.1)
    place = written(tmp_path / "window", window, files, group)
    assert count_profile(reference, ParquetFiles.of(place, batch)).digest == reference.counted(window).digest


@pytest.mark.parametrize(("files", "group"), [(1, 40_000), (3, 1_000)])
def test_a_streamed_profile_is_the_one_made_in_memory(
    tmp_path: Path, reference: Profile, files: int, group: int
) -> None:
    assert build_profile(written(tmp_path / "rows", table(), files, group)).digest == reference.digest
    exact = build_profile(str(tmp_path / "rows"), exact=True)
    assert exact.digest == Profile.of(table(), exact=True).digest


def test_of_more_rows_than_the_sample_the_edges_are_sampled_and_all_rows_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlmon_dagster.drift.building.SAMPLE", 5_000)
    made = [build_profile(written(tmp_path / name, table(), files, group)) for name, files, group in
            [("a", 1, 40_000), ("b", 4, 900)]]  # fmt: skip
    assert made[0].digest == made[1].digest
    price = made[0].columns["price"]
    values = np.array([value for value in table()["price"].to_pylist() if value is not None])
    assert price.bins is not None
    assert (price.present, price.bins.low, price.bins.high) == (len(values), values.min(), values.max())
    assert price.mean == pytest.approx(values.mean(), rel=1e-6)
    drift = made[0].compare(table(20_000, 1, 0.1))["price"]
    exact = Profile.of(table(), exact=True).compare(table(20_000, 1, 0.1))["price"]
    assert drift["ks"].low is not None
    assert drift["ks"].high is not None
    assert drift["ks"].low <= exact["ks"].value <= drift["ks"].high
    assert drift["psi"].value == pytest.approx(exact["psi"].value, rel=0.05)


def test_an_identifier_is_no_category(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmon_dagster.drift.building.TEXTS", 100)
    pq.write_table(pa.table({"id": [f"{place}" for place in range(500)]}), tmp_path / "ids.parquet")
    with pytest.raises(DataError, match="identifies rows and is no category"):
        build_profile(str(tmp_path / "ids.parquet"))


def test_a_column_without_pieces_is_empty() -> None:
    assert built("x", lambda: iter(()), lambda: pytest.fail("nothing to sample")).rows == 0


def test_profiles_are_told_apart_from_rows(tmp_path: Path, reference: Profile) -> None:
    profile, rows = str(tmp_path / "made.profile"), str(tmp_path / "rows.parquet")
    assert write_profile(reference, profile) == Path(profile).stat().st_size
    pq.write_table(table(100), rows)
    assert [is_profile(one) for one in (profile, rows, "-", str(tmp_path))] == [True, False, False, False]
    assert [is_parquet(one) for one in (rows, "-", "https://host/rows.parquet")] == [True, False, False]
    assert read_profile(profile).digest == reference.digest


def test_what_is_no_profile_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"rows\.csv: this is not a reference profile"):
        read_profile(str(tmp_path / "rows.csv"))
    with pytest.raises(MissingError, match="there is no profile"):
        read_profile(str(tmp_path / "none"))


def test_files_that_do_not_fit_are_told(tmp_path: Path, reference: Profile) -> None:
    place = tmp_path / "rows"
    place.mkdir()
    pq.write_table(pa.table({"price": [1.0]}), place / "a.parquet")
    pq.write_table(pa.table({"cost": [1.0]}), place / "b.parquet")
    both = ParquetFiles.of(place)
    assert (both.names, both.rows) == (("price", "cost"), 2)
    assert [batch.to_pydict() for batch in both.tables(["cost", "price"])] == [
        {"cost": [None], "price": [1.0]},
        {"cost": [1.0], "price": [None]},
    ]
    with pytest.raises(DataError, match=r"no column in .*a\.parquet called 'wide'"):
        count_profile(reference, ParquetFiles.of(place / "a.parquet"))
    (place / "a.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(DataError, match=r"\[CORRUPT\].*a\.parquet"):
        ParquetFiles.of(place / "a.parquet")
    pq.write_table(table(0), place / "a.parquet")
    with pytest.raises(DataError, match="the reference is empty"):
        build_profile(str(place / "a.parquet"))


@pytest.mark.parametrize("engine", ["memory", "duckdb", "polars"])
def test_engines_take_the_edges_from_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """A column with more rows than are sampled; DuckDB and polars read with several threads and keep the order."""
    monkeypatch.setattr("mlmon_dagster.drift.building.SAMPLE", 3_000)
    values = pa.table({"x": np.random.default_rng(1).normal(size=300_000)})
    files = written(tmp_path / "rows", values, 3, 7_000)
    by = plugins.parse("engine", engine)
    assert build_profile_by(by, Rows(place=files)).digest == build_profile(files).digest


def test_a_file_compares_column_by_column_like_its_table(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sides = [pa.table({"x": random.normal(size=300), "city": random.choice(["Ulm", "Bonn"], 300)}) for _ in range(2)]
    pq.write_table(sides[1], tmp_path / "window.parquet")
    profile, columns = Profile.of(sides[0]), LazyColumns(tmp_path / "window.parquet")
    assert list(columns) == ["x", "city"]
    assert profile.compare(columns) == profile.compare(sides[1])
    with pytest.raises(DataError, match="city"):
        Profile.of({"place": ["Ulm"]}).compare(columns)
