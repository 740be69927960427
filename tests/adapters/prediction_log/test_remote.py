"""The class `remote`: what was acknowledged is at the destination, and nowhere else."""

import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from buckets import SECRETS, bucket_of
from fault_proxy import FaultProxy

from mlmon_dagster.adapters.prediction_log.destinations import Bucket, Folder
from mlmon_dagster.adapters.prediction_log.reading import read_predictions
from mlmon_dagster.adapters.prediction_log.remote import RemoteWriter, gather
from mlmon_dagster.adapters.prediction_log.rows import SegmentHeader, encode_rows
from mlmon_dagster.adapters.prediction_log.segments import segment_files
from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.serving.durability import LogOptions
from mlmon_dagster.serving.group import LogRefusedError
from mlmon_dagster.serving.prediction_log import PredictionLog

HEADER = SegmentHeader("houses", 1, "d" * 64, None, "prod", "d1", "remote", (("sqft", "float"),))
NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def _payload(name, moment=NOON):
    return encode_rows([(str(name), int(moment.timestamp() * 1e9), [1.0], 2.0, 0.1, 0.2)])


def _ids(tmp_path, destination, start=None, end=None):
    found = read_predictions(tmp_path / "empty", destination, "houses", start, end)
    return [] if found is None else sorted(found["request_id"].to_pylist())


def _write(destination, *names, now=NOON):
    writer = RemoteWriter(destination, "houses", HEADER.encoded())
    for name in names:
        writer.commit([_payload(name, now)], now.timestamp())
    return writer


def test_an_acknowledged_prediction_is_at_the_destination_and_not_on_this_disk(tmp_path, destination):
    _write(destination, "a", "b")
    assert _ids(tmp_path, destination) == ["a", "b"]
    assert _ids(tmp_path, destination, NOON + timedelta(hours=3), NOON + timedelta(hours=4)) == []
    (first, second) = destination.keys("model=houses/dt=2026-01-31/")
    assert first.endswith("-000001.wal")
    assert second.endswith("-000002.wal")


def test_objects_of_a_minute_are_put_together_and_the_younger_ones_are_left(tmp_path, destination):
    _write(destination, "a", "b", "c")
    _write(destination, "d", now=NOON + timedelta(minutes=4))
    (made,) = gather(destination, NOON + timedelta(minutes=5))
    assert (made.objects, made.rows) == (3, 3)
    assert made.key.endswith("-000001-000003.parquet")
    assert sorted(one.rpartition(".")[2] for one in destination.keys("model=")) == ["parquet", "wal"]
    assert _ids(tmp_path, destination) == ["a", "b", "c", "d"]
    assert list(gather(destination, NOON + timedelta(minutes=5))) == []


def test_a_gatherer_that_dies_before_it_removes_doubles_nothing(tmp_path, destination):
    class Dies(type(destination)):
        def remove(self, key):
            raise KeyboardInterrupt

    _write(destination, "a", "b")
    dying = Dies(**{name: getattr(destination, name) for name in destination.__dataclass_fields__})
    with pytest.raises(KeyboardInterrupt):
        list(gather(dying, NOON + timedelta(hours=1)))
    assert _ids(tmp_path, destination) == ["a", "b"]
    list(gather(destination, NOON + timedelta(hours=1)))
    assert [one.rpartition(".")[2] for one in destination.keys("model=")] == ["parquet"]
    assert _ids(tmp_path, destination) == ["a", "b"]


def test_what_is_not_there_is_told(destination):
    with pytest.raises(MissingError, match="is not there"):
        destination.get("model=houses/dt=2026-01-31/none.wal")
    destination.remove("model=houses/dt=2026-01-31/none.wal")


def test_a_log_of_the_class_remote_writes_nothing_here_and_refuses_while_it_cannot_reach_there(tmp_path):
    there = tmp_path / "there"
    log = PredictionLog(LogOptions(tmp_path / "here", "remote", ship_to=str(there)), HEADER)
    try:
        assert log.append(_payload("a"))
        assert segment_files(tmp_path / "here") == []
        assert _ids(tmp_path, Folder(there)) == ["a"]
        there.rename(tmp_path / "away")
        there.write_text("a file, so that nothing can be put into it")
        with pytest.raises(LogRefusedError, match="cannot be written"):
            log.append(_payload("b"))
        there.unlink()
        (tmp_path / "away").rename(there)
        log._looked = 0.0
        assert log.append(_payload("c"))
        assert _ids(tmp_path, Folder(there)) == ["a", "c"]
    finally:
        log.close()


def test_remote_without_a_place_is_refused(tmp_path):
    with pytest.raises(InputError, match="they are shipped to, which is nowhere"):
        PredictionLog(LogOptions(tmp_path, "remote", ship_to=None), HEADER)


def test_a_faulty_network_acknowledges_only_what_is_kept(tmp_path, s3_port):
    proxy, acknowledged = FaultProxy(s3_port, 7), []
    faulty = bucket_of(s3_port, "remote-faults", proxy.url)
    writer = RemoteWriter(faulty, "houses", HEADER.encoded())
    for number in range(25):
        try:
            writer.commit([_payload(number)], NOON.timestamp())
            acknowledged.append(str(number))
        except OSError:
            continue
    proxy.close()
    direct = Bucket.of(f"s3://{faulty.name}/predictions", endpoint_url=f"http://127.0.0.1:{s3_port}", **SECRETS)
    assert len(acknowledged) > 10
    assert set(acknowledged) <= set(_ids(tmp_path, direct))


def test_a_kill_loses_no_acknowledged_prediction(tmp_path):
    program = (
        "import sys, pathlib, os, time\n"
        "from mlmon_dagster.adapters.prediction_log.destinations import Folder\n"
        "from mlmon_dagster.adapters.prediction_log.remote import RemoteWriter\n"
        "place = Folder(pathlib.Path(sys.argv[1]))\n"
        f"writer = RemoteWriter(place, 'houses', bytes.fromhex('{HEADER.encoded().hex()}'))\n"
        f"payload = bytes.fromhex('{_payload('a').hex()}')\n"
        "for number in range(10**6):\n"
        "    writer.commit([payload.replace(b'\"a\"', b'\"%d\"' % number)], time.time())\n"
        "    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline().strip() for _ in range(30)]
        process.send_signal(signal.SIGKILL)
        said += [line for line in process.stdout.read().split("\n")[:-1] if line]
    assert set(said) <= set(_ids(tmp_path, Folder(tmp_path)))
