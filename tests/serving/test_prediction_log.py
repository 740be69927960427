"""Group commit, and what the log does while the disk fails or is full."""

import asyncio
import errno
import os
import resource
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlmon_dagster.adapters.prediction_log.disk import OsDisk
from mlmon_dagster.adapters.prediction_log.reading import read_segments, united
from mlmon_dagster.adapters.prediction_log.rows import Row, SegmentHeader, encode_rows
from mlmon_dagster.adapters.prediction_log.segments import segment_files
from mlmon_dagster.serving.durability import LogOptions
from mlmon_dagster.serving.group import LogRefusedError
from mlmon_dagster.serving.prediction_log import PredictionLog

HEADER = SegmentHeader("houses", 1, "d" * 64, None, "prod", "d1", "local", (("sqft", "float"),))


def _payload(name):
    return encode_rows([(str(name), 1_769_846_400_000_000_000, [1.0], 2.0, 0.1, 0.2)])


def _ids(directory):
    found = united(read_segments(directory), None, None)
    return [] if found is None else found["request_id"].to_pylist()


@pytest.fixture
def open_log(tmp_path):
    opened = []

    def make(disk=None, **options):
        opened.append(PredictionLog(LogOptions(tmp_path, **options), HEADER, disk=disk))
        return opened[-1]

    yield make
    for log in opened:
        log.close()


class FaultyDisk(OsDisk):
    """Every `each`-th sync fails; with `full` set nothing can be written."""

    def __init__(self, each=0):
        self.each, self.syncs, self.full, self.hold = each, 0, False, threading.Event()
        self.hold.set()

    def write(self, file, content, at):
        if self.full:
            os.pwrite(file, content[: len(content) // 2], at)
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(file, content, at)

    def sync(self, file):
        self.hold.wait(30)
        self.syncs += 1
        if self.each and self.syncs % self.each == 0:
            raise OSError(errno.EIO, "Input/output error")
        super().sync(file)


@pytest.mark.parametrize("durability", ["local", "process"])
def test_what_is_appended_is_in_the_log_at_once(open_log, tmp_path, durability):
    log = open_log(durability=durability)
    assert log.append(_payload("a"))
    assert _ids(tmp_path) == ["a"]


def test_payloads_that_come_together_are_committed_together(open_log, tmp_path):
    disk = FaultyDisk()
    log = open_log(disk)
    disk.hold.clear()
    with ThreadPoolExecutor(21) as threads:
        first = threads.submit(log.append, _payload("first"))
        while log._queue or not log.pending:
            pass
        rest = [threads.submit(log.append, _payload(number)) for number in range(20)]
        while log.pending < 21:
            pass
        disk.hold.set()
        assert first.result()
        assert all(one.result() for one in rest)
    assert (len(_ids(tmp_path)), log.counts.commits, disk.syncs) == (21, 2, 2)


@pytest.mark.parametrize(
    ("durability", "quick"), [("local", False), ("local", True), ("process", True), ("shared", True)]
)
def test_payloads_of_one_turn_of_an_event_loop_are_settled_together(open_log, tmp_path, durability, quick):
    log = open_log(durability=durability)
    log._usual_seconds = 0.0 if quick else 1.0  # by the loop itself, or by the thread

    async def ask(numbers):
        loop, settled, ended = asyncio.get_running_loop(), [], asyncio.Event()

        def done(group):
            settled.append(group)
            if len(settled) == len(numbers):
                ended.set()

        for number in numbers:
            log.put(_payload(number), loop, done)
        await ended.wait()
        return settled

    for numbers in (range(100), range(100, 101)):
        settled = asyncio.run(ask(numbers))
        assert all(group.logged for group in settled)
        assert len({id(group) for group in settled}) < max(2, len(numbers))
    assert len(_ids(tmp_path)) == 101


def test_a_row_that_cannot_be_written_is_refused_and_the_log_goes_on(open_log, tmp_path):
    log = open_log()

    async def ask(row):
        answered = asyncio.get_running_loop().create_future()
        log.put_row(row, lambda group, told: answered.set_result((group, told)), "told")
        return await answered

    refused, _ = asyncio.run(ask(Row("a", 1, [object()], 1.0, 0.1, 0.2)))
    assert not refused.logged
    assert "cannot be written" in refused.error.reason
    kept, told = asyncio.run(ask(Row("b", 1, [1.0], 1.0, 0.1, 0.2)))
    assert (kept.logged, kept.error, told) == (True, None, "told")
    assert _ids(tmp_path) == ["b"]


def test_clients_that_come_again_share_a_sync_on_a_slow_disk(open_log, tmp_path):
    class SlowDisk(OsDisk):
        def sync(self, file):
            super().sync(file)
            time.sleep(0.01)

    log = open_log(SlowDisk())

    async def client(name):
        loop = asyncio.get_running_loop()
        for number in range(10):
            answered = loop.create_future()
            log.put_row(Row(f"{name}-{number}", 1, [1.0], 1.0, 0.1, 0.2), lambda _, one: one.set_result(1), answered)
            await answered

    async def ask():
        await asyncio.gather(*(client(name) for name in range(16)))

    asyncio.run(ask())
    assert len(_ids(tmp_path)) == log.counts.payloads == 160
    assert log.counts.commits < 40


def test_a_full_queue_refuses_what_comes_next(open_log):
    disk = FaultyDisk()
    log = open_log(disk, queue_rows=3)
    disk.hold.clear()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(log.append, _payload(number)) for number in range(3)]
        while log.pending < 3:
            pass
        with pytest.raises(LogRefusedError, match="3 predictions wait for the disk"):
            log.append(_payload("one too many"))
        disk.hold.set()
        assert all(one.result() for one in waiting)
    assert log.counts.refused_full_queue == 1


def test_a_failing_sync_refuses_its_group_and_the_next_goes_to_a_new_segment(open_log, tmp_path):
    log = open_log(FaultyDisk(each=7))
    kept, reasons = [], set()
    for number in range(100):
        try:
            log.append(_payload(number))
            kept.append(str(number))
        except LogRefusedError as error:
            reasons.add(error.reason)
    assert reasons == {"the prediction log cannot be written (Input/output error)"}
    assert set(kept) <= set(_ids(tmp_path))
    assert 0 < 100 - len(kept) < 30
    assert log.counts.failures == 100 - len(kept)
    assert len(segment_files(tmp_path)) > 5


def test_a_full_disk_refuses_and_the_log_recovers_with_the_space(open_log, tmp_path):
    disk = FaultyDisk()
    log = open_log(disk)
    log.append(_payload("before"))
    disk.full = True
    for number in range(5):
        with pytest.raises(LogRefusedError, match="No space left on device"):
            log.append(_payload(number))
    assert log.failing == "No space left on device"
    disk.full = False
    assert log.append(_payload("after"))
    assert log.failing is None
    assert _ids(tmp_path) == ["before", "after"]


def test_fail_open_answers_unlogged_and_counts_it(open_log, tmp_path):
    disk = FaultyDisk()
    log = open_log(disk, when_full="fail_open")
    disk.full = True
    assert [log.append(_payload(number)) for number in range(3)] == [False] * 3
    assert log.counts.unlogged == 3
    assert (log.facts["failing"], log.facts["when_full"]) == ("No space left on device", "fail_open")
    disk.full = False
    assert log.append(_payload("kept"))
    assert _ids(tmp_path) == ["kept"]


def test_below_the_floor_nothing_is_accepted(open_log, tmp_path):
    log = open_log(floor_bytes=1 << 60)
    with pytest.raises(LogRefusedError, match="bytes are free"):
        log.append(_payload("a"))
    assert segment_files(tmp_path) == []


def test_a_limit_on_the_size_of_files_loses_nothing_that_was_acknowledged(tmp_path):
    program = f"""
        import pathlib, resource, sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from test_prediction_log import HEADER, LogOptions, LogRefusedError, PredictionLog, _payload
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, {resource.RLIM_INFINITY}))
        log = PredictionLog(LogOptions(pathlib.Path(sys.argv[1])), HEADER)
        for number in range(200):
            try:
                log.append(_payload(number))
                print(number)
            except LogRefusedError as error:
                assert "File too large" in error.reason, error.reason
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    acknowledged = done.stdout.split()
    assert 100 < len(acknowledged) < 200
    assert set(acknowledged) <= set(_ids(tmp_path))
    assert len(segment_files(tmp_path)) > 2


def test_a_closed_log_refuses(open_log):
    log = open_log()
    log.close()
    with pytest.raises(LogRefusedError, match="closed"):
        log.append(_payload("a"))
