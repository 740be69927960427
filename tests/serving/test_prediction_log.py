"""The prediction log."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

from mlmon_dagster.serving.prediction_log import PredictionLog

NOW = datetime(2026, 1, 31, 23, 59, tzinfo=timezone.utc)


def _lines(directory):
    return {path.name: [json.loads(line) for line in path.read_text().splitlines()] for path in directory.iterdir()}


def test_a_new_day_and_a_full_file_begin_the_next(tmp_path):
    log = PredictionLog(tmp_path, "d1", segment_bytes=20)
    for number in range(3):
        log.append([{"number": number}], NOW)
    log.append([{"number": 3}], NOW + timedelta(minutes=2))
    assert _lines(tmp_path) == {
        "2026-01-31-d1-0000.jsonl": [{"number": 0}, {"number": 1}],
        "2026-01-31-d1-0001.jsonl": [{"number": 2}],
        "2026-02-01-d1-0000.jsonl": [{"number": 3}],
    }


def test_a_restarted_server_never_writes_into_a_file_that_is_there(tmp_path):
    for number in range(2):
        log = PredictionLog(tmp_path, "d1")
        log.append([{"number": number}], NOW)
        log.close()
    assert len(_lines(tmp_path)) == 2


def test_lines_of_many_threads_stay_whole(tmp_path):
    log = PredictionLog(tmp_path, "d1")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: log.append([{"number": number, "text": "x" * 500}], NOW), range(100)))
    (lines,) = _lines(tmp_path).values()
    assert sorted(line["number"] for line in lines) == list(range(100))
