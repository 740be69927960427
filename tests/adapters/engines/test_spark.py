"""The engine `spark`: what does not need a cluster, and the smallest thing that does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rows_of_all_kinds import rows_of_all_kinds

from mlmon_dagster import plugins
from mlmon_dagster.adapters.engines._pieces import counted
from mlmon_dagster.adapters.engines.spark import _adding, _counting, _pieces
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError, MissingError
from mlmon_dagster.ports import Rows

PROFILE = Profile.of(rows_of_all_kinds(12_000, seed=1))
WINDOW = rows_of_all_kinds(1_000, seed=2, shift=0.1)
NAMES = list(PROFILE.columns)


def partition(start: int, rows: int) -> Iterator[pa.RecordBatch]:
    yield from WINDOW.slice(start, rows).to_batches(max_chunksize=90)


def test_what_workers_do_with_partitions_adds_up_to_the_whole() -> None:
    count = _counting(PROFILE.to_bytes(), NAMES)
    partial = [
        batch
        for start in (0, 400, 700)
        for batch in count(partition(start, min(400, 1000 - start, 300 if start else 400)))
    ]
    first, second = list(_adding(iter(partial[:2]))), list(_adding(iter(partial[2:])))
    (total,) = _adding(iter([*first, *second]))
    assert Profile.from_bytes(total.column(0)[0].as_py()).digest == counted(PROFILE, NAMES, [WINDOW]).digest


def test_small_batches_are_counted_together() -> None:
    assert [piece.num_rows for piece in _pieces(partition(0, 1_000))] == [1_000]


def test_files_that_are_no_parquet_are_refused_before_a_session_is_opened() -> None:
    pytest.importorskip("pyspark")
    with pytest.raises(InputError, match=r"reads Parquet, not rows\.csv"):
        plugins.parse("engine", "spark").count(Rows(place="rows.csv"), PROFILE)


def test_without_java_the_engine_is_unavailable() -> None:
    pytest.importorskip("pyspark")
    code = """if True:
        from mlmon_dagster import plugins
        from mlmon_dagster.drift.profile import Profile
        from mlmon_dagster.ports import Rows
        engine = plugins.parse("engine", {"use": "spark", "master": "local[1]"})
        engine.count(Rows(place="rows.parquet"), Profile.of({"x": [1.0]}))
    """
    found = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "JAVA_HOME": "/nowhere"}, capture_output=True, text=True
    )
    assert "UnavailableError: Spark does not start" in found.stderr


@pytest.mark.slow
def test_a_query_reads_the_files_as_rows(tmp_path: Path) -> None:
    pytest.importorskip("pyspark")
    pq.write_table(WINDOW, tmp_path / "rows.parquet")
    engine = plugins.parse("engine", {"use": "spark", "master": "local[2]"})
    rows = Rows(place=str(tmp_path / "rows.parquet"), query="SELECT normal FROM rows WHERE city = 'common'")
    kept = WINDOW.filter(pa.compute.equal(WINDOW["city"], "common"))
    only = Profile({"normal": PROFILE.columns["normal"]}, PROFILE.rows)
    assert engine.count(rows, only).digest == only.counted(kept).digest
    with pytest.raises(InputError, match=r"Spark refuses the query: .*nonsense"):
        engine.count(Rows(place=rows.place, query="SELECT nonsense FROM rows"), only)


MOMENTS = {
    "zoned": pa.timestamp("us", "UTC"),
    "plain": pa.timestamp("us"),
    "day": pa.date32(),
}
"""Types that the column of the window's time may have in a table."""


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
@pytest.mark.parametrize("time", sorted(MOMENTS))
def test_a_windows_rows_are_those_of_the_table_from_its_start_to_before_its_end(
    time: str, zone: str, tmp_path: Path
) -> None:
    """Moments are UTC whatever the session's time zone is, and a column of days has midnights."""
    pytest.importorskip("pyspark")
    from pyspark.sql import SparkSession

    start, end = datetime(2026, 1, 2, tzinfo=timezone.utc), datetime(2026, 1, 4, tzinfo=timezone.utc)
    hours = np.arange(1_000) % 120
    moments = pa.array(np.datetime64("2026-01-01", "us") + hours.astype("m8[h]"))
    columns = [WINDOW[name] for name in ("normal", "price", "day", "at", "at utc", "city")]
    names = ["normal", "price", "day measured", "at", "at utc", "city"]
    table = pa.table([*columns, moments.cast(MOMENTS[time])], names=[*names, "scored at"])
    pq.write_table(table, tmp_path / "rows.parquet")
    reference = rows_of_all_kinds(12_000, seed=1).select(["normal", "price", "day", "at", "at utc", "city"])
    profile = Profile.of(reference.rename_columns(names), covariance=True)
    engine = plugins.parse("engine", {"use": "spark", "master": "local[2]", "table": "scored", "time": "scored at"})
    engine.session()
    session = SparkSession.getActiveSession()
    before = session.conf.get("spark.sql.session.timeZone")
    session.conf.set("spark.sql.session.timeZone", zone)
    try:
        session.read.parquet(str(tmp_path / "rows.parquet")).createOrReplaceTempView("scored")
        found = engine.count(Rows(start=start, end=end), profile)
    finally:
        session.conf.set("spark.sql.session.timeZone", before)
    inside = hours // 24 * 24 if time == "day" else hours
    kept = table.filter(pa.array((inside >= 24) & (inside < 72)))
    assert found.rows == kept.num_rows == 400
    assert found.digest == profile.counted(kept).digest


@pytest.mark.slow
def test_a_table_or_a_time_that_is_not_there_is_named() -> None:
    pytest.importorskip("pyspark")
    from pyspark.sql import SparkSession

    use = {"use": "spark", "master": "local[2]", "table": "there", "time": "when"}
    engine = plugins.parse("engine", use)
    engine.session()
    SparkSession.getActiveSession().createDataFrame(
        pa.table({"normal": [1.0], "at": ["noon"]})
    ).createOrReplaceTempView("there")
    only = Profile({"normal": PROFILE.columns["normal"]}, PROFILE.rows)
    with pytest.raises(MissingError, match=r"'when'.*normal(.|\n)*check `time`"):
        engine.count(Rows(), only)
    with pytest.raises(DataError, match=r"'at' is string, expected moments"):
        plugins.parse("engine", use | {"time": "at"}).count(Rows(start=datetime(2026, 1, 1, tzinfo=timezone.utc)), only)
    with pytest.raises(MissingError, match="nowhere"):
        plugins.parse("engine", use | {"table": "nowhere"}).count(Rows(), only)
