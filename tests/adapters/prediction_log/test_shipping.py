"""Shipping: every acknowledged row arrives once, whatever fails on the way and wherever the shipper dies."""

import signal
import socket
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone

import pytest
from buckets import SECRETS, bucket_of
from fault_proxy import FAULTS, FaultProxy

from mlmon_dagster.adapters.prediction_log import shipping
from mlmon_dagster.adapters.prediction_log.destinations import Bucket, Folder, destination_of, within
from mlmon_dagster.adapters.prediction_log.reading import read_predictions, read_segments, united
from mlmon_dagster.adapters.prediction_log.rows import SegmentHeader, encode_rows
from mlmon_dagster.adapters.prediction_log.segments import SegmentWriter, segment_files
from mlmon_dagster.adapters.prediction_log.shipping import alone, ship
from mlmon_dagster.errors import DataError, InputError, UnavailableError

HEADER = SegmentHeader("houses", 1, "d" * 64, None, "prod", "d1", "local", (("sqft", "float"),))
NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def _write(directory, *names, now=NOON, header=HEADER):
    writer = SegmentWriter(directory, header.encoded())
    moment = int(now.timestamp() * 1e9)
    writer.commit([encode_rows([(name, moment, [1.0], 2.0, 0.1, 0.2)]) for name in names], now.timestamp())
    return writer


def _ids(directory, shipped, start=None, end=None):
    found = read_predictions(directory, shipped, "houses", start, end)
    return [] if found is None else found["request_id"].to_pylist()


def test_finished_segments_are_shipped_and_removed_and_the_open_one_stays(tmp_path, destination):
    _write(tmp_path, "a", "b").close()
    still_open = _write(tmp_path, "c")
    (shipped,) = ship(tmp_path, destination)
    assert (shipped.rows, shipped.new, shipped.torn_bytes) == (2, True, 0)
    assert shipped.key.startswith("model=houses/dt=2026-01-31/20260131T120000-")
    assert segment_files(tmp_path) == [still_open.path]
    assert sorted(_ids(tmp_path, destination)) == ["a", "b", "c"]
    assert list(ship(tmp_path, destination)) == []


def test_a_segment_that_was_shipped_before_a_crash_is_recognised(tmp_path, destination):
    _write(tmp_path, "a").close()
    (path,) = segment_files(tmp_path)
    content = path.read_bytes()
    (first,) = ship(tmp_path, destination)
    path.write_bytes(content)  # as if the shipper had died before it removed the segment
    assert _ids(tmp_path, destination) == ["a"]
    (again,) = ship(tmp_path, destination)
    assert (first.new, again.new, again.sha256) == (True, False, first.sha256)
    assert _ids(tmp_path, destination) == ["a"]


def test_another_segment_of_the_same_name_is_never_overwritten(tmp_path, destination):
    _write(tmp_path, "a").close()
    (path,) = segment_files(tmp_path)
    list(ship(tmp_path, destination))
    other = tmp_path / "other"
    other.mkdir()
    _write(other, "b").close()
    segment_files(other)[0].rename(path)  # its frames do not verify under this name: nothing of it is read
    (shipped,) = ship(tmp_path, destination)
    assert (shipped.key, shipped.rows, shipped.torn_bytes > 0) == (None, 0, True)
    with pytest.raises(DataError, match="there already"):
        destination.put_new(next(iter(destination.keys("model="))), b"x", "another digest")


def test_windows_are_read_over_segments_and_shipped_files(tmp_path, destination):
    for days in (0, 1, 2):
        _write(tmp_path, f"day {days}", now=NOON + timedelta(days=days)).close()
    list(ship(tmp_path, destination))
    _write(tmp_path, "late", now=NOON + timedelta(days=1, hours=3))
    _write(tmp_path, "of another model", header=SegmentHeader(**{**vars(HEADER), "model": "flats"}))
    day = NOON.replace(hour=0) + timedelta(days=1)
    assert _ids(tmp_path, destination, day, day + timedelta(days=1)) == ["day 1", "late"]
    assert _ids(tmp_path, destination, day + timedelta(days=5), None) == []


def test_torn_tails_are_put_aside_and_headers_alone_are_removed(tmp_path, destination):
    _write(tmp_path, "a").close()
    _write(tmp_path).close()
    for path in segment_files(tmp_path):
        with path.open("ab") as file:
            file.write(b"half a frame")
    (tmp_path / "20260131T120000-00-000001.wal").write_bytes(b"")
    results = list(ship(tmp_path, destination))
    assert sorted((one.rows, one.torn_bytes) for one in results) == [(0, 0), (0, 12), (1, 12)]
    assert segment_files(tmp_path) == []
    assert len(list((tmp_path / "quarantine").iterdir())) == 2


def test_a_segment_without_its_header_is_told_and_kept_whole(tmp_path, destination):
    _write(tmp_path, "a").close()
    (path,) = segment_files(tmp_path)
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="has lost its header: 1 payloads"):
        read_segments(tmp_path)
    (shipped,) = ship(tmp_path, destination)
    assert (shipped.key, shipped.torn_bytes) == (None, len(content))
    assert (tmp_path / "quarantine" / path.name).read_bytes() == bytes(content)
    assert read_segments(tmp_path) == []


def test_a_changed_file_is_noticed_when_it_is_read(tmp_path):
    folder = Folder(tmp_path / "shipped")
    _write(tmp_path, *(f"id-{number}" for number in range(500))).close()
    list(ship(tmp_path, folder))
    (file,) = folder.path.rglob("*.parquet")
    content = bytearray(file.read_bytes())
    content[200] ^= 0xFF
    file.write_bytes(bytes(content))
    with pytest.raises(OSError, match=r"CRC|checksum|corrupt|zstd|decompress"):
        _ids(tmp_path, folder)


@pytest.mark.parametrize(("seed", "segments"), [(1, 6), pytest.param(2, 60, marks=pytest.mark.slow)])
def test_a_faulty_network_loses_and_doubles_nothing(tmp_path, s3_port, seed, segments):
    proxy = FaultProxy(s3_port, seed)
    bucket = bucket_of(s3_port, f"faults-{seed}", proxy.url)
    for number in range(segments):
        _write(tmp_path, *(f"{number}-{row}" for row in range(50))).close()
    for _ in range(200):
        try:
            list(ship(tmp_path, bucket))
            break
        except UnavailableError:
            continue
    proxy.close()
    direct = Bucket.of(f"s3://{bucket.name}/predictions", endpoint_url=f"http://127.0.0.1:{s3_port}", **SECRETS)
    assert segment_files(tmp_path) == []
    assert len(list(direct.keys("model="))) == segments
    assert len(_ids(tmp_path, direct)) == segments * 50
    if segments > 20:
        assert set(proxy.seen) == set(FAULTS)


def test_what_cannot_be_reached_is_said_and_the_segments_stay(tmp_path):
    _write(tmp_path, "a").close()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        bucket = Bucket.of(
            "s3://b/p", attempts=2, endpoint_url=f"http://127.0.0.1:{nobody.getsockname()[1]}", **SECRETS
        )
        with pytest.raises(UnavailableError, match="s3://b cannot be written"):
            list(ship(tmp_path, bucket))
    assert united(read_segments(tmp_path), None, None).num_rows == 1


def test_an_upload_that_spins_is_ended_by_the_clock():
    def spin():
        with within(0.05):
            while True:
                pass

    with pytest.raises(TimeoutError):
        spin()


def test_uploads_do_not_wait_for_leave_to_continue(s3_port):
    sent = []
    bucket = bucket_of(s3_port, "expect")
    bucket.client.meta.events.register_last("before-send.s3", lambda request, **_: sent.append(dict(request.headers)))
    bucket.put_new("k", b"x", "d")
    assert all("Expect" not in headers for headers in sent)
    assert sent


@pytest.mark.parametrize("step", ["parquet_of", "sync_directory"])
def test_a_shipper_that_dies_at_any_step_is_taken_up_again(tmp_path, step):
    _write(tmp_path, "a", "b").close()
    program = (
        "import os, pathlib, signal, sys\n"
        "from mlmon_dagster.adapters.prediction_log import shipping\n"
        "from mlmon_dagster.adapters.prediction_log.destinations import Folder\n"
        f"shipping.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "list(shipping.ship(pathlib.Path(sys.argv[1]), Folder(pathlib.Path(sys.argv[1]) / 'shipped')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    list(ship(tmp_path, Folder(tmp_path / "shipped")))
    assert _ids(tmp_path, Folder(tmp_path / "shipped")) == ["a", "b"]
    assert len(list((tmp_path / "shipped").rglob("*.parquet"))) == 1


def test_only_one_shipper_works_in_a_directory(tmp_path):
    with alone(tmp_path) as first, alone(tmp_path) as second:
        assert (first, second) == (True, False)


def test_two_shippers_at_once_ship_every_segment_once(tmp_path):
    folder = Folder(tmp_path / "shipped")
    for number in range(20):
        _write(tmp_path, f"{number}").close()
    threads = [threading.Thread(target=lambda: list(ship(tmp_path, folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_ids(tmp_path, folder)) == 20
    assert segment_files(tmp_path) == []


def test_the_shipper_is_a_command(tmp_path):
    _write(tmp_path, "a").close()
    command = [sys.executable, "-m", "mlmon_dagster.adapters.prediction_log"]
    done = subprocess.run([*command, str(tmp_path), str(tmp_path / "s")], capture_output=True, text=True, check=False)
    assert (done.returncode, '"rows": 1' in done.stdout) == (0, True)
    wrong = subprocess.run([*command, str(tmp_path), "ftp://x"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "Error: predictions are shipped to a folder or to s3://bucket/prefix, got ftp://x\n",
    )
    with pytest.raises(InputError):
        destination_of("ftp://x")


def test_equal_segments_give_equal_files(tmp_path):
    _write(tmp_path, "a", "b").close()
    (path,) = segment_files(tmp_path)
    rows = united(read_segments(tmp_path), None, None)
    assert shipping.parquet_of(rows, path.name, "d") == shipping.parquet_of(rows, path.name, "d")
