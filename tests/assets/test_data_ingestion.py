"""Stage 1 cuts the source's rows into immutable, versioned windows."""

import gzip
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from staged import stage_run, with_rows

from mlmon_dagster.assets import data_ingestion
from mlmon_dagster.errors import DataError, InputError, MissingError


def csv_source(path: str = "sales.csv") -> dict[str, object]:
    return {"source": {"use": "file", "path": path, "time": "sold", "key": ["id"]}}


def test_the_rows_of_the_window_become_its_output(tmp_path: Path) -> None:
    run = with_rows(stage_run(tmp_path, "data_ingestion"), sold=["2024-01-01", "2024-01-02", "2024-01-03"])
    result = data_ingestion.run(run)
    assert run.outputs.read(run.key, "2024-01-02").column("id").to_pylist() == [1]
    output = run.outputs.output(run.key, "2024-01-02")
    assert output is not None
    assert result.digest == output.digest
    assert result.metrics == {"rows": 1.0, "rows_quarantined": 0.0, "bytes": float(output.bytes)}
    assert result.facts["source_digest"] == output.inputs["source"]
    assert (result.facts["columns"], result.facts["source_rows"]) == (["id", "sold"], 3)


def test_it_reports_the_checks_that_it_declares(tmp_path: Path) -> None:
    result = data_ingestion.run(with_rows(stage_run(tmp_path, "data_ingestion"), price=[1.0]))
    assert [check.name for check in result.checks] == list(data_ingestion.CHECKS)
    assert result.checks[0].verdict == "ok"


def test_rows_that_cannot_be_used_are_set_aside_and_counted(tmp_path: Path) -> None:
    run = with_rows(stage_run(tmp_path, "data_ingestion"), id=[1, 1, 2], sold=["2024-01-02", "2024-01-02", "soon"])
    result = data_ingestion.run(run)
    aside = run.outputs.read_quarantine(run.key, "2024-01-02")
    assert aside is not None
    assert sorted(aside.column("reason").to_pylist()) == ["duplicate key", "unreadable time 'soon'"]
    assert result.metrics["rows_quarantined"] == 2
    assert result.checks[0].reason == "window 2024-01-02 has 1 rows, 2 set aside"


def test_a_window_without_rows_is_no_data_and_not_green(tmp_path: Path) -> None:
    run = with_rows(stage_run(tmp_path, "data_ingestion"), sold=["2024-03-01"])
    result = data_ingestion.run(run)
    output = run.outputs.output(run.key, "2024-01-02")
    assert output is not None
    assert (output.verdict, result.checks[0].verdict) == ("no_data", "no_data")


def test_running_a_window_again_gives_the_same_digest(tmp_path: Path) -> None:
    run = with_rows(stage_run(tmp_path, "data_ingestion"), price=[3.0, 1.0, 2.0])
    first = data_ingestion.run(run).digest
    assert data_ingestion.run(run).digest == first
    with_rows(run, id=[2, 0, 1], price=[2.0, 3.0, 1.0], sold=[f"2024-01-02T00:0{n}:00" for n in (2, 0, 1)])
    assert data_ingestion.run(run).digest == first


def test_rows_of_other_windows_do_not_change_the_digest(tmp_path: Path) -> None:
    run = with_rows(stage_run(tmp_path, "data_ingestion"), sold=["2024-01-02"])
    first = data_ingestion.run(run)
    again = data_ingestion.run(with_rows(run, sold=["2024-01-02", "2024-01-03"]))
    assert (again.digest, again.facts["source_digest"]) == (first.digest, first.facts["source_digest"])


def test_a_window_of_the_future_is_refused(tmp_path: Path) -> None:
    run = replace(stage_run(tmp_path, "data_ingestion"), now=datetime(2024, 1, 1, 23, tzinfo=timezone.utc))
    with pytest.raises(InputError, match=r"window 2024-01-02 starts in the future \(2024-01-02 00:00 UTC\)"):
        data_ingestion.run(run)


def test_local_times_that_a_clock_change_skips_are_set_aside(tmp_path: Path) -> None:
    source = {"use": "file", "path": "sales.parquet", "time": "sold", "key": ["id"], "timezone": "America/Los_Angeles"}
    run = stage_run(tmp_path, "data_ingestion", "2024-03-10", data_ingestion={"source": source})
    result = data_ingestion.run(
        with_rows(run, sold=["2024-03-10T01:59:00", "2024-03-10T02:30:00", "2024-03-10T03:00:00"])
    )
    assert (result.metrics["rows"], result.metrics["rows_quarantined"]) == (2, 1)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, MissingError, "sales.csv"),
        ("", DataError, "sales.csv"),
        ("id,sold\n1,2024-01-02\n2,2024-01-02,extra\n", DataError, "sales.csv"),
        ("id,price\n1,2\n", DataError, "no column called 'sold'"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused_by_name_and_the_old_output_stays(
    tmp_path: Path, content: str | None, error: type[DataError], message: str
) -> None:
    run = stage_run(tmp_path, "data_ingestion", data_ingestion=csv_source())
    path = tmp_path / "sales.csv"
    path.write_text("id,sold\n1,2024-01-02\n")
    before = data_ingestion.run(run).digest
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(error, match=message):
        data_ingestion.run(run)
    output = run.outputs.output(run.key, "2024-01-02")
    assert output is not None
    assert output.digest == before


@pytest.mark.parametrize(
    "times", ["2024-01-02,2024-01-02", "20240102T000000,20240102T235959", "1704153600,1704153600000"]
)
def test_times_of_a_csv_file_are_read_however_they_are_written(tmp_path: Path, times: str) -> None:
    one, other = times.split(",")
    content = f"id,sold\n1,{one}\n2,{other}\n3,never\n".encode()
    (tmp_path / "sales.csv.gz").write_bytes(gzip.compress(content))
    result = data_ingestion.run(stage_run(tmp_path, "data_ingestion", data_ingestion=csv_source("sales.csv.gz")))
    assert (result.metrics["rows"], result.metrics["rows_quarantined"]) == (2, 1)
