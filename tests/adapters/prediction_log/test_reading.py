"""Reading the log while it is written, after its writer died, and where it is damaged."""

import errno
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest

from mlmon_dagster.adapters.prediction_log.disk import OsDisk
from mlmon_dagster.adapters.prediction_log.reading import finished, read_segment, read_segments, set_aside, united
from mlmon_dagster.adapters.prediction_log.rows import SegmentHeader, encode_rows
from mlmon_dagster.adapters.prediction_log.segments import SegmentWriter, segment_files

HEADER = SegmentHeader("houses", 1, "d" * 64, None, "prod", "d1", "local", (("sqft", "float"),))
NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def _row(name, moment=NOON, sqft=1000.0):
    return name, int(moment.timestamp() * 1e9), [sqft], 1.0, 0.1, 0.2


def _write(directory, *rows, now=NOON, disk=None):
    writer = SegmentWriter(directory, HEADER.encoded(), disk=disk or OsDisk())
    writer.commit([encode_rows([row]) for row in rows], now.timestamp())
    return writer


def _ids(tables, start=None, end=None):
    return united(tables, start, end)["request_id"].to_pylist()


def test_rows_are_read_while_the_segment_is_written(tmp_path):
    writer = _write(tmp_path, _row("a"))
    (path,) = segment_files(tmp_path)
    with finished(path) as done:
        assert not done
    assert _ids(read_segments(tmp_path)) == ["a"]
    writer.close()
    with finished(path) as done:
        assert done


def test_a_request_id_is_read_once_and_the_first_row_counts(tmp_path):
    _write(tmp_path, _row("a", NOON + timedelta(seconds=5), 7.0), _row("b"))
    _write(tmp_path, _row("a", NOON + timedelta(seconds=1), 8.0))
    found = united(read_segments(tmp_path), None, None)
    assert found["request_id"].to_pylist() == ["b", "a"]
    assert [one["sqft"] for one in found["features"].to_pylist()] == [1000.0, 8.0]


def test_a_window_is_half_open_and_reads_only_segments_that_can_belong_to_it(tmp_path):
    hour = timedelta(hours=1)
    for name, moment in (("before", NOON - hour), ("start", NOON), ("inside", NOON + hour / 2), ("end", NOON + hour)):
        _write(tmp_path, _row(name, moment), now=moment)
    _write(tmp_path, _row("other day"), now=NOON - timedelta(days=3))
    tables = read_segments(tmp_path, NOON, NOON + hour)
    assert _ids(tables, NOON, NOON + hour) == ["start", "inside"]
    assert len(tables) == 4


def test_a_segment_of_a_killed_process_is_finished_and_its_torn_tail_is_kept_apart(tmp_path):
    program = (
        "import sys, pathlib, os, signal\n"
        "from mlmon_dagster.adapters.prediction_log.segments import SegmentWriter\n"
        f"writer = SegmentWriter(pathlib.Path(sys.argv[1]), bytes.fromhex('{HEADER.encoded().hex()}'))\n"
        f"writer.commit([bytes.fromhex('{encode_rows([_row('a')]).hex()}')], {NOON.timestamp()})\n"
        "os.pwrite(writer._file, b'\\xffmP1 half a frame', writer._good)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    (path,) = segment_files(tmp_path)
    with finished(path) as done:
        assert done
        segment = read_segment(path)
        assert segment.rows["request_id"].to_pylist() == ["a"]
        assert set_aside(segment, tmp_path) == 17
    (kept,) = (tmp_path / "quarantine").iterdir()
    assert kept.read_bytes() == b"\xffmP1 half a frame"


def test_zeros_at_the_end_are_no_evidence_and_are_not_kept(tmp_path):
    _write(tmp_path, _row("a")).close()
    (path,) = segment_files(tmp_path)
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert set_aside(read_segment(path), tmp_path) == 0


def test_groups_overwrite_zeros_so_that_a_sync_leaves_the_size_as_it_is(tmp_path):
    writer, sizes = _write(tmp_path, _row("a")), set()
    (path,) = segment_files(tmp_path)
    for number in range(100):
        writer.commit([encode_rows([_row(str(number))])], NOON.timestamp())
        sizes.add(path.stat().st_size)
    assert len(sizes) == 1
    assert read_segment(path).rows.num_rows == 101  # also while it is written
    writer.close()
    assert path.stat().st_size < min(sizes)
    assert read_segment(path).scan.damaged == ()


def test_zeros_that_do_not_fit_refuse_no_row(tmp_path):
    class NearlyFullDisk(OsDisk):
        def write(self, file, content, at):
            if not any(content):
                os.pwrite(file, content[:1000], at)
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(file, content, at)

    writer = _write(tmp_path, _row("a"), disk=NearlyFullDisk())
    for number in range(10):
        writer.commit([encode_rows([_row(str(number))])], NOON.timestamp())
    writer.close()
    (path,) = segment_files(tmp_path)
    assert read_segment(path).rows.num_rows == 11


def test_an_empty_directory_has_no_rows(tmp_path):
    assert united(read_segments(tmp_path), None, None) is None


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"garbage"])
def test_a_segment_in_which_nothing_was_acknowledged_has_no_rows(tmp_path, content):
    path = tmp_path / "20260131T120000-00-000001.wal"
    path.write_bytes(content)
    assert read_segment(path).rows is None
    assert os.listdir(tmp_path) == [path.name]


def test_a_segment_ends_with_its_size_its_age_and_the_day(tmp_path):
    writer = SegmentWriter(tmp_path, HEADER.encoded(), segment_bytes=450)
    begins = NOON.timestamp()
    for seconds in (0, 1, 2, 3, 64, 12 * 3600 - 1, 12 * 3600):
        writer.commit([encode_rows([_row(str(seconds))])], begins + seconds)
    rows = [table.num_rows for table in read_segments(tmp_path)]
    assert rows == [3, 1, 1, 1, 1]
