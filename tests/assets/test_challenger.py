"""Versions that answered beside each other, from the log and its labels to the check that a gate can ask for."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from governed import Clock, governed
from staged import stage_run

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.adapters.prediction_log.rows import SegmentHeader, encode_rows
from mlmon_dagster.adapters.prediction_log.segments import SegmentWriter
from mlmon_dagster.assets.challenger import challenger_checks
from mlmon_dagster.lifecycle.records import record_result
from mlmon_dagster.pipeline.stages import StageKey

START = datetime(2024, 1, 2, tzinfo=timezone.utc)
KEY = StageKey("sales", "dev", "model_monitoring")
LABELS = {"source": {"use": "file", "path": "labels.parquet", "key": ["request_id"]}, "column": "paid"}


@pytest.fixture
def world(tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/mlmon.db")
    yield SimpleNamespace(folder=tmp_path, governance=governed(database, Clock()))
    database.close()


def stage(world, window="2024-01-02", **rule):
    performance = {"metric": "mae", "labels": LABELS, "challenger": rule}
    run = stage_run(world.folder, "model_monitoring", window, model_monitoring={"performance": performance})
    return replace(run, key=replace(run.key, environment="dev"))


def log(world, version, name, rows, error, after=timedelta(hours=1), origin=None):
    """Predictions of one version, each off by about `error` from the label 100 * row."""
    directory = stage(world).settings.serving / "sales" / "dev" / "predictions"
    directory.mkdir(parents=True, exist_ok=True)
    header = SegmentHeader("sales", version, "d" * 64, "sales", "dev", "d1", "local", (("rooms", "integer"),))
    writer, moment = SegmentWriter(directory, header.encoded()), START + after
    said = () if origin is None else ((origin, None),)
    for row in rows:
        off = error * (1 + (row % 7) / 10)
        told = (f"{name}{row}", int(moment.timestamp() * 1e9), [row], 100.0 * row + off, 0.1, 0.2, *said)
        writer.commit([encode_rows([told])], moment.timestamp())
    writer.close()


def label(world, *names, rows=200):
    ids = [f"{name}{row}" for name in names for row in range(rows)]
    paid = [100.0 * row for _ in names for row in range(rows)]
    pq.write_table(pa.table({"request_id": ids, "paid": paid}), world.folder / "labels.parquet")


def checked(world, run):
    ports = SimpleNamespace(governance=world.governance)
    (check,), metrics = challenger_checks(run, ports)
    record_result(
        world.governance, KEY, run.window.key, SimpleNamespace(metrics=metrics, checks=(check,), facts={}), START
    )
    return check


def test_a_worse_challenger_is_told_and_a_better_one_is_fine(world):
    label(world, "a", "b")
    log(world, 1, "a", range(200), 10.0)
    log(world, 2, "b", range(200), 15.0)
    check = checked(world, stage(world))
    assert check.verdict == "drift"
    assert check.reason.startswith("version 2 has 50.0% more absolute error than version 1, by 200 labels on requests")
    (world.folder / "labels.parquet").unlink()
    label(world, "a", "b", "c")
    log(world, 3, "c", range(200), 5.0)
    better = checked(world, stage(world))
    assert (better.verdict, better.reason.startswith("version 3 has ")) == ("ok", True)


def test_a_shadow_is_compared_on_the_same_requests(world):
    label(world, "a")
    log(world, 1, "a", range(200), 10.0)
    log(world, 2, "a", range(200), 9.0, origin="shadow")
    check = checked(world, stage(world))
    assert check.verdict == "ok"
    assert check.reason.startswith("version 2 has 10.0% less absolute error than version 1, by 200 labels on the same")
    assert "0.01 decides" in check.reason


def test_evidence_grows_over_windows_and_stays_when_one_is_judged_again(world):
    label(world, "a", "b", "c", "d", rows=40)
    log(world, 1, "a", range(20), 10.0)
    log(world, 2, "b", range(20), 10.2)
    first = checked(world, stage(world))
    assert first.verdict == "insufficient"
    log(world, 1, "c", range(40), 10.0, timedelta(days=1, hours=1))
    log(world, 2, "d", range(40), 10.2, timedelta(days=1, hours=1))
    second = checked(world, stage(world, "2024-01-03"))
    assert (second.verdict, "by 60 labels" in second.reason) == ("ok", True)
    assert checked(world, stage(world, "2024-01-03")).reason == second.reason
    log(world, 2, "e", range(40), 10.2, timedelta(days=2, hours=1))
    alone = checked(world, stage(world, "2024-01-04"))
    assert (alone.verdict, "by 60 labels" in alone.reason) == ("ok", True)


def test_one_version_alone_is_no_comparison(world):
    label(world, "a")
    log(world, 1, "a", range(200), 10.0)
    assert checked(world, stage(world)).verdict == "no_data"


def test_labels_that_cannot_be_joined_are_an_error_and_never_green(world):
    log(world, 1, "a", range(20), 10.0)
    log(world, 2, "b", range(20), 10.0)
    pq.write_table(pa.table({"id": ["a"]}), world.folder / "labels.parquet")
    assert checked(world, stage(world)).verdict == "error"


def test_it_is_a_check_that_a_gate_can_name(world):
    assert stage(world).pipeline.stages.model_monitoring.check_names[-1] == "challenger"
    plain = stage_run(world.folder, "model_monitoring")
    assert challenger_checks(replace(plain, key=KEY), SimpleNamespace(governance=world.governance)) == ([], {})
