"""The server starts the shipper, and tells when it fails."""

import asyncio

import pytest

from mlmon_dagster.adapters.prediction_log.destinations import Folder
from mlmon_dagster.adapters.prediction_log.reading import read_predictions
from mlmon_dagster.adapters.prediction_log.rows import SegmentHeader, encode_rows
from mlmon_dagster.adapters.prediction_log.segments import segment_files
from mlmon_dagster.serving import shipping
from mlmon_dagster.serving.durability import LogOptions
from mlmon_dagster.serving.prediction_log import PredictionLog
from mlmon_dagster.serving.shipping import ship_once, ship_regularly

HEADER = SegmentHeader("houses", 1, "d" * 64, None, "prod", "d1", "local", (("sqft", "float"),))


@pytest.fixture
def log(tmp_path):
    """Two segments, of which one is finished."""
    log = PredictionLog(LogOptions(tmp_path, segment_bytes=10), HEADER)
    for name in ("a", "b"):
        log.append(encode_rows([(name, 1_769_846_400_000_000_000, [1.0], 2.0, 0.1, 0.2)]))
    yield log
    log.close()


def test_finished_segments_are_shipped_by_a_process_of_its_own(log, tmp_path):
    async def until_shipped():
        task = asyncio.create_task(ship_regularly(log, log.options.destination, seconds=0.01))
        while len(segment_files(tmp_path)) > 1:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(until_shipped())
    found = read_predictions(tmp_path, Folder(tmp_path / "parquet"), "houses", None, None)
    assert found["request_id"].to_pylist() == ["a", "b"]
    assert (log.shipping.failures, log.facts["shipping_failed"]) == (0, None)


def test_a_shipper_that_fails_is_counted_and_told(log, caplog):
    asyncio.run(ship_once(log, "ftp://nowhere"))
    assert log.shipping.failures == 1
    assert "got ftp://nowhere" in log.facts["shipping_failed"]
    assert "could not be shipped" in caplog.text


def test_a_shipper_that_hangs_is_ended(log, monkeypatch):
    monkeypatch.setattr(shipping, "LONGEST_SECONDS", 0.01)
    asyncio.run(ship_once(log, log.options.destination))
    assert "took longer" in log.facts["shipping_failed"]
