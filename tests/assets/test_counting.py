"""A window's columns, measured with all their values or counted by the engine that the pipeline declares."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from staged import pipeline, stage_run

from mlmon_dagster.adapters.engines.duckdb import DuckDb
from mlmon_dagster.assets.counting import window_columns
from mlmon_dagster.drift.judging import judge
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.body import body_of

RANDOM = np.random.default_rng(1)
REFERENCE = pa.table({"price": RANDOM.normal(0, 1, 20_000), "rooms": RANDOM.integers(1, 9, 20_000)})
WINDOW = pa.table({"price": RANDOM.normal(0.5, 1, 2_000), "rooms": RANDOM.integers(1, 9, 2_000), "id": range(2_000)})
PROFILE = Profile.of(REFERENCE)
MONITORS = {"price": {"use": "ks", "column": "price"}, "rooms": {"use": "psi", "column": "rooms"}}


@pytest.mark.parametrize("engine", ["auto", "memory", "streaming", {"use": "duckdb", "threads": 1}])
def test_an_engine_gives_the_verdicts_that_all_values_give(tmp_path: Path, engine: object) -> None:
    exact = stage_run(tmp_path, "model_monitoring", model_monitoring={"monitors": MONITORS})
    counted = stage_run(tmp_path, "model_monitoring", model_monitoring={"monitors": MONITORS, "engine": engine})
    columns, counts = (window_columns(run, PROFILE, WINDOW) for run in (exact, counted))
    assert (columns["price"].exact, counts["price"].exact) == (True, False)
    assert list(counts) == ["price", "rooms"]
    for monitor in counted.pipeline.stages.model_monitoring.monitors.values():
        (before,), (now,) = judge(PROFILE, columns, monitor), judge(PROFILE, counts, monitor)
        assert (now.verdict, now.value) == (before.verdict, pytest.approx(before.value, abs=1e-3))


def test_the_digest_of_the_counts_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    run = replace(stage_run(tmp_path, "model_monitoring", model_monitoring={"engine": "memory"}), log=told.append)
    window_columns(run, PROFILE, WINDOW)
    assert told == [f"2,000 rows counted by memory; the counts have digest {PROFILE.counted(WINDOW).digest[:12]}"]


def test_an_engine_is_declared_with_its_fields_and_written_again() -> None:
    declared = pipeline(model_monitoring={"engine": {"use": "duckdb", "memory": "1GB"}})
    assert declared.stages.model_monitoring.engine == DuckDb(memory="1GB")
    assert body_of(declared)["stages"]["model_monitoring"]["engine"] == {"use": "duckdb", "memory": "1GB"}
    assert "engine" not in body_of(pipeline())["stages"]["model_monitoring"]


@pytest.mark.parametrize(
    ("engine", "says"),
    [
        ("duckbd", "did you mean duckdb"),
        ({"use": "duckdb", "memori": "1GB"}, "memori"),
        ({"use": "ibis", "table": "sales"}, "`table` and `time` go together"),
        ({"use": "spark", "remote": "http://x"}, "remote"),
    ],
)
def test_a_wrong_engine_is_refused_when_the_file_is_read(engine: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        pipeline(model_monitoring={"engine": engine})


@pytest.mark.parametrize(
    ("more", "says"),
    [({"compatible": "scipy"}, "another library's numbers need"), ({"season": "day_of_week"}, "a season needs")],
)
def test_what_needs_every_value_excludes_an_engine(more: dict[str, str], says: str) -> None:
    monitors = {"price": {"use": "ks", "column": "price", **more}}
    with pytest.raises(ValidationError, match=f"price: {says} every value"):
        pipeline(model_monitoring={"monitors": monitors, "engine": "memory"})


def test_an_engine_that_has_no_table_of_its_own_says_what_to_declare(tmp_path: Path) -> None:
    pytest.importorskip("ibis")
    run = stage_run(tmp_path, "model_monitoring", model_monitoring={"engine": {"use": "ibis", "url": "env:NOWHERE"}})
    with pytest.raises(InputError, match=r"model_monitoring\.engine: the engine ibis counts in a database") as caught:
        window_columns(run, PROFILE, WINDOW)
    assert "`table`" in str(caught.value.hint)


@pytest.mark.postgres
@pytest.mark.parametrize("zoned", [True, False])
def test_a_database_counts_the_windows_rows_of_its_own_table(
    tmp_path: Path, request: pytest.FixtureRequest, zoned: bool
) -> None:
    ibis = pytest.importorskip("ibis")
    pytest.importorskip("psycopg")
    url = request.getfixturevalue("postgres_server").fresh(tmp_path.name).replace("+psycopg2", "")
    start = datetime(2024, 1, 2, tzinfo=timezone.utc)
    hours = [start + timedelta(hours=int(n)) for n in range(-24, 48) for _ in range(10)]
    times = pa.array(hours, pa.timestamp("us", "UTC" if zoned else None))
    scored = pa.table({"price": RANDOM.normal(0, 1, 720), "scored_at": times})
    connection = ibis.connect(url)
    connection.create_table("scored", scored)
    connection.disconnect()
    engine = {"use": "ibis", "url": url, "table": "scored", "time": "scored_at"}
    run = stage_run(tmp_path, "model_monitoring", model_monitoring={"engine": engine})
    found = window_columns(run, PROFILE, WINDOW)
    expected = Profile({"price": PROFILE.columns["price"]}, 0).counted(scored.slice(240, 240))
    assert Profile(found, 240).digest == expected.digest
