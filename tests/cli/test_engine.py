"""`--engine` of `mlmon drift` and `mlmon profile build`."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from command_line import Answer, Office


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    for name, shift, count in (("year", 0.0, 20_000), ("week", 0.5, 3_000)):
        table = pa.table({"price": random.normal(shift, 1, count), "city": random.choice(["Ulm", "Bonn"], count)})
        pq.write_table(table, f"{name}.parquet", row_group_size=1_000)
        csv.write_csv(table, f"{name}.csv")


def run(*arguments: str) -> Answer:
    return Office(Path.cwd())(*arguments)


def told(*arguments: str) -> Any:
    return run(*arguments, "--json").document


@pytest.mark.parametrize("engine", ["auto", "memory", "duckdb", "polars", "{use: duckdb, memory: 500MB}"])
def test_every_engine_builds_the_profile_that_streaming_builds(engine: str) -> None:
    expected = told("profile", "build", "year.parquet", "--out", "a.profile")["digest"]
    assert told("profile", "build", "year.parquet", "--out", "b.profile", "--engine", engine)["digest"] == expected


def test_a_query_says_which_rows_are_profiled() -> None:
    query = "SELECT price FROM rows WHERE city = 'Ulm'"
    found = told("profile", "build", "year.csv", "--engine", "duckdb", "--query", query, "--out", "ulm.profile")
    assert 9_000 < int(str(found["rows"])) < 11_000


def test_drift_of_counts_is_the_drift_of_all_values() -> None:
    exact = told("drift", "--reference", "year.parquet", "--current", "week.parquet")
    counted = told("drift", "--reference", "year.parquet", "--current", "week.parquet", "--engine", "duckdb")
    assert counted["verdict"] == exact["verdict"] == "drift"
    assert counted["drifted"] == exact["drifted"] == ["price"]
    assert counted["window"]["rows"] == 3_000


def test_drift_from_a_profile_has_the_same_digest_whatever_the_engine_and_the_format() -> None:
    run("profile", "build", "year.parquet", "--out", "year.profile")
    places = [("week.parquet", "streaming"), ("week.parquet", "polars"), ("week.csv", "duckdb"), ("week.csv", "memory")]
    found = {
        str(told("drift", "--reference", "year.profile", "--current", week, "--engine", engine)["window"]["digest"])
        for week, engine in places
    }
    assert len(found) == 1


def test_profiles_are_compared_as_they_are() -> None:
    run("profile", "build", "year.parquet", "--out", "year.profile")
    run("profile", "build", "week.parquet", "--like", "year.profile", "--engine", "polars", "--out", "week.profile")
    from_rows = told("drift", "--reference", "year.profile", "--current", "week.parquet")
    assert told("drift", "--reference", "year.profile", "--current", "week.profile")["columns"] == from_rows["columns"]
    assert run("drift", "--reference", "week.parquet", "--current", "year.profile").code == 1


def test_a_table_and_a_report_are_made_of_counts() -> None:
    found = run("drift", "--reference", "year.csv", "--current", "week.csv", "--engine", "auto", "--report", "r.html")
    assert found.code == 1
    assert "20,000 reference rows, 3,000 in the window" in found.out
    assert "3,000 rows" in Path("r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--engine", "duckbd"), "--engine: use: there is no engine called 'duckbd'; did you mean duckdb?"),
        (("--engine", "{use: duckdb, memory: lots}"), "--engine: memory"),
        (("--engine", "{use"), "cannot be read"),
        (("--engine", "spark", "--compatible", "scipy"), "--compatible needs every value"),
        (("--engine", "ibis"), "it cannot choose the grids of a new one"),
        (("--engine", "streaming", "--method", "mmd"), "mmd needs the rows; from profiles come correlation_shift"),
        (("--engine", "memory", "--report", "r.html", "--report-by", "evidently"), "needs the rows"),
    ],
)
def test_bad_options_are_told_with_exit_code_2(arguments: tuple[str, ...], says: str) -> None:
    found = run("drift", "--reference", "year.parquet", "--current", "week.parquet", *arguments)
    assert (found.code, says in found.err) == (2, True), found.err


def test_a_query_without_an_engine_is_refused() -> None:
    found = run("profile", "build", "year.csv", "--query", "SELECT 1", "--out", "x")
    assert (found.code, "--query needs an --engine" in found.err) == (2, True)


def test_counts_like_a_profile_need_its_columns() -> None:
    run("profile", "build", "year.csv", "--out", "year.profile")
    pq.write_table(pa.table({"price": [1.0]}), "thin.parquet")
    found = run("profile", "build", "thin.parquet", "--like", "year.profile", "--engine", "polars", "--out", "x")
    assert (found.code, "there is no column 'city'" in found.err) == (2, True)


@pytest.mark.parametrize("engine", ["memory", "streaming", "duckdb", "polars"])
def test_a_window_without_rows_is_no_data_with_every_engine(engine: str) -> None:
    pq.write_table(pq.read_table("year.parquet").slice(0, 0), "nothing.parquet")
    run("profile", "build", "year.parquet", "--out", "year.profile")
    found = run("drift", "--reference", "year.profile", "--current", "nothing.parquet", "--engine", engine)
    assert (found.code, found.out.strip().splitlines()[-2]) == (1, "no_data: the window cannot be judged, see above")


def peak_mib(*arguments: str) -> float:
    """Peak memory of the command as a process of its own."""
    measured = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024); sys.exit(done.returncode)"
    )
    command = [str(Path(sys.executable).parent / "mlmon"), *arguments]
    done = subprocess.run([sys.executable, "-c", measured, *command], capture_output=True, text=True, check=True)
    return float(done.stdout)


def test_a_large_parquet_file_is_compared_in_constant_memory_by_itself() -> None:
    random = np.random.default_rng(2)
    with pq.ParquetWriter("large.parquet", pa.schema([("price", pa.float64())])) as writer:
        for _ in range(24):
            writer.write_table(pa.table({"price": random.normal(size=500_000)}))
    assert Path("large.parquet").stat().st_size > 64_000_000
    sides = ("--reference", "year.parquet", "--current", "large.parquet", "--columns", "price")
    compared = ("drift", *sides, "--fail-on", "never")
    assert peak_mib(*compared) < peak_mib(*compared, "--engine", "memory") - 150
    answer = told("drift", *sides)
    assert (answer["window"]["rows"], answer["columns"][0]["verdict"]) == (12_000_000, "ok")


@pytest.mark.slow
def test_a_profile_of_any_number_of_rows_is_made_and_compared_with_in_256_mib() -> None:
    """What takes most is the sample of a million rows that edges are taken from, and of these whole numbers."""
    random = np.random.default_rng(2)
    with pq.ParquetWriter("large.parquet", pa.schema([("price", pa.float64()), ("id", pa.int64())])) as writer:
        for _ in range(16):
            columns = {"price": random.normal(size=500_000), "id": random.integers(0, 10**9, 500_000)}
            writer.write_table(pa.table(columns))
    assert peak_mib("profile", "build", "large.parquet", "--out", "large.profile") < 256
    sides = ("--reference", "large.profile", "--current", "large.parquet")
    assert peak_mib("drift", *sides, "--fail-on", "never") < 256


def test_well_packed_parquet_is_compared_in_little_memory(tmp_path: Path) -> None:
    """Two files of 2 MB that hold 96 MB of values each: Arrow's peak is that of some pieces of a column."""
    random = np.random.default_rng(0)
    for name in ("year", "week"):
        table = pa.table({f"x{place}": random.integers(0, 2, 2_000_000) for place in range(6)})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    code = (
        "import pyarrow as pa; from click.testing import CliRunner; from mlmon_dagster.cli import group; "
        "found = CliRunner().invoke(group, ['drift', '--reference', 'year.parquet', '--current', 'week.parquet']); "
        "assert 'no drift' in found.output, found.output; print(pa.default_memory_pool().max_memory())"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(told.stdout) < 24_000_000
