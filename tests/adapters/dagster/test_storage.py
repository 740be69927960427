"""Dagster's own books: in files by default, in Postgres where a URL is given, the same for who reads them."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

TEMPLATE = Path(__file__).parents[3] / "mlmon_dagster" / "templates"


@dg.asset(
    check_specs=[dg.AssetCheckSpec("whole", asset="rows")], partitions_def=dg.StaticPartitionsDefinition(["a", "b"])
)
def rows() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={"rows": 3}, check_results=[dg.AssetCheckResult(check_name="whole", passed=True)]
    )


@pytest.fixture
def instance(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("MLMON_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLMON_DAGSTER_DATABASE_URL", raising=False)
    if database_url.startswith("postgresql"):
        monkeypatch.setenv("MLMON_DAGSTER_DATABASE_URL", database_url)
    with dg.DagsterInstance.from_config(str(TEMPLATE)) as opened:
        yield opened


def test_runs_events_and_checks_are_kept(instance: dg.DagsterInstance) -> None:
    result = dg.materialize([rows], instance=instance, partition_key="b")

    assert instance.get_run_by_id(result.run_id).is_success
    assert instance.get_materialized_partitions(dg.AssetKey("rows")) == {"b"}
    assert (
        instance.get_latest_materialization_event(dg.AssetKey("rows")).asset_materialization.metadata["rows"].value == 3
    )


def test_events_of_all_runs_are_read_by_one_cursor(instance: dg.DagsterInstance) -> None:
    dg.materialize([rows], instance=instance, partition_key="a")
    seen = instance.fetch_materializations(dg.AssetKey("rows"), limit=10)
    dg.materialize([rows], instance=instance, partition_key="b")
    later = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("rows"), after_storage_id=seen.records[0].storage_id), limit=10
    )

    assert [record.partition_key for record in later.records] == ["b"]


def test_what_one_instance_wrote_the_next_one_reads(instance: dg.DagsterInstance) -> None:
    run = dg.materialize([rows], instance=instance, partition_key="a").run_id
    with dg.DagsterInstance.from_config(str(TEMPLATE)) as other:
        assert other.get_run_by_id(run).is_success


def test_many_threads_write_at_once(instance: dg.DagsterInstance) -> None:
    def report(number: int) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization("counted", metadata={"number": number}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(report, range(64)))

    found = instance.fetch_materializations(dg.AssetKey("counted"), limit=100).records
    assert sorted(one.asset_materialization.metadata["number"].value for one in found) == list(range(64))


def test_the_files_are_whole_after_the_instance_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMON_HOME", str(tmp_path))
    monkeypatch.delenv("MLMON_DAGSTER_DATABASE_URL", raising=False)
    with dg.DagsterInstance.from_config(str(TEMPLATE)) as opened:
        dg.materialize([rows], instance=opened, partition_key="a")

    files = sorted((tmp_path / "dagster").rglob("*.db"))
    assert [file.name for file in files] == ["event_log.db", "runs.db", "schedules.db"]
    for file in files:
        with sqlite3.connect(file) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
