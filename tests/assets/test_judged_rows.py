"""The predictions a window is judged on."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from staged import stage_run

from mlmon_dagster.adapters.prediction_log.destinations import Folder
from mlmon_dagster.adapters.prediction_log.rows import SegmentHeader, encode_rows
from mlmon_dagster.adapters.prediction_log.segments import SegmentWriter
from mlmon_dagster.adapters.prediction_log.shipping import ship
from mlmon_dagster.assets.judged_rows import judged_rows
from mlmon_dagster.errors import BlockedError, DataError

START = datetime(2024, 1, 2, tzinfo=timezone.utc)


def _stage(folder, predictions="realtime", **stages):
    run = stage_run(folder, "model_monitoring", model_monitoring={"predictions": predictions}, **stages)
    return replace(run, key=replace(run.key, environment="dev"))


def _log(stage, *rows, version=1, inputs=(("rooms", "integer"), ("city", "string"))):
    directory = stage.settings.serving / "sales" / "dev" / "predictions"
    directory.mkdir(parents=True, exist_ok=True)
    header = SegmentHeader("sales", version, "d" * 64, "sales", "dev", "d1", "local", inputs)
    writer = SegmentWriter(directory, header.encoded())
    for name, after, features in rows:
        moment = START + after
        row = (name, int(moment.timestamp() * 1e9), features, 100.0, 0.1, 0.2)
        writer.commit([encode_rows([row])], moment.timestamp())
    writer.close()
    return directory


def test_a_window_of_the_log_holds_what_was_predicted_in_it_each_request_once(tmp_path):
    stage, hour = _stage(tmp_path), timedelta(hours=1)
    directory = _log(
        stage,
        ("before", -hour, [1, "Ulm"]),
        ("a", 0 * hour, [2, "Ulm"]),
        ("b", 5 * hour, [None, "Bonn"]),
        ("after", 24 * hour, [3, "Ulm"]),
    )
    list(ship(directory, Folder(directory / "parquet")))
    _log(stage, ("c", 6 * hour, [4, "Jena"]), ("a", 7 * hour, [9, "Ulm"]))
    judged = judged_rows(stage)
    assert judged.rows.select(["request_id", "rooms", "city", "prediction", "model_version"]).to_pylist() == [
        {"request_id": "a", "rooms": 2, "city": "Ulm", "prediction": 100.0, "model_version": 1},
        {"request_id": "b", "rooms": None, "city": "Bonn", "prediction": 100.0, "model_version": 1},
        {"request_id": "c", "rooms": 4, "city": "Jena", "prediction": 100.0, "model_version": 1},
    ]
    assert (judged.version, judged.others, judged.digest) == (1, 0, judged_rows(stage).digest)


def test_the_version_with_most_predictions_is_judged_and_the_others_are_counted(tmp_path):
    stage, hour = _stage(tmp_path), timedelta(hours=1)
    _log(stage, ("a", hour, [1, "Ulm"]))
    _log(stage, ("b", hour, [1, "Ulm"]), ("c", hour, [1, "Ulm"]), version=2)
    judged = judged_rows(stage)
    assert (judged.version, judged.rows.num_rows, judged.others) == (2, 2, 1)


def test_a_window_without_predictions_is_blocked_and_never_green(tmp_path):
    stage = _stage(tmp_path)
    with pytest.raises(BlockedError, match="no prediction of sales was logged in window 2024-01-02 in dev"):
        judged_rows(stage)
    _log(stage, ("before", -timedelta(days=1), [1, "Ulm"]))
    with pytest.raises(BlockedError):
        judged_rows(stage)
    with pytest.raises(BlockedError, match="has no predictions"):
        judged_rows(_stage(tmp_path, "batch"))


def test_the_log_is_read_from_where_it_was_declared_to_be_shipped(tmp_path):
    declared = {"model_inferencing": {"realtime": {"log": str(tmp_path / "elsewhere")}}}
    stage = _stage(tmp_path, **declared)
    directory = _log(stage, ("a", timedelta(hours=1), [1, "Ulm"]))
    list(ship(directory, Folder(tmp_path / "elsewhere")))
    assert judged_rows(stage).rows.num_rows == 1


def test_a_feature_with_the_name_of_a_column_of_the_log_is_refused(tmp_path):
    stage = _stage(tmp_path)
    _log(stage, ("a", timedelta(hours=1), [1.0]), inputs=(("prediction", "float"),))
    with pytest.raises(DataError, match="features called prediction"):
        judged_rows(stage)
