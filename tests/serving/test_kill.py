"""A server that is killed under load: every prediction that was answered is in the log."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest
from buckets import SECRETS, bucket_of
from registered import profile, reference
from sklearn.ensemble import HistGradientBoostingRegressor

from mlmon_dagster.adapters.mlflow.model_directory import write_model
from mlmon_dagster.adapters.prediction_log.destinations import Bucket, destination_of
from mlmon_dagster.adapters.prediction_log.reading import read_predictions, read_segments, united
from mlmon_dagster.adapters.prediction_log.segments import segment_files

CONNECTIONS = 16


@pytest.fixture(scope="module")
def model_directory(tmp_path_factory):
    frame, directory = reference(), tmp_path_factory.mktemp("exported") / "houses"
    write_model(directory, HistGradientBoostingRegressor(max_iter=20).fit(frame, frame.sqft), frame, profile(frame))
    return directory


async def _client(port, name, answered):
    """Asks single predictions and small batches until the server is gone; keeps the ids that were answered."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(1_000_000):
            record = {"sqft": 1000.5 + number, "grade": number % 12}
            path, body = ("/batch-predict", [record, record]) if number % 10 == 9 else ("/predict", record)
            content = json.dumps(body).encode()
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            head += f"X-Request-Id: {name}-{number}\r\n"
            writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            answer = json.loads(
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]))
            )
            answered += [one["id"] for one in answer.get("predictions", [answer])]
    except (ConnectionError, asyncio.IncompleteReadError):
        pass


async def _load(process, port, seconds):
    answered: list[str] = []
    clients = [asyncio.create_task(_client(port, f"c{number}", answered)) for number in range(CONNECTIONS)]
    await asyncio.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    await asyncio.gather(*clients)
    return answered


def _killed_under_load(directory, log, durability, seconds, *more, **environ):
    """(ids that were answered, ids in the log)."""
    command = ["serve", "--model-dir", directory, "--log-dir", log, "--durability", durability, "--json", *more]
    process = subprocess.Popen(
        [sys.executable, "-c", "from mlmon_dagster.cli import main; main()", *map(str, command)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "MLMON_HOME": str(log / "home"), **environ},
    )
    said = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
    answered = asyncio.run(_load(process, int(said["address"].rpartition(":")[2]), seconds))
    process.wait(20)
    process.stdout.close()
    if durability == "remote":
        assert segment_files(log) == []  # nothing of it is on this machine's disk
        found = read_predictions(log, _destination(more[1], environ), directory.name, None, None)
        return answered, found["request_id"].to_pylist()
    return answered, united(read_segments(log), None, None)["request_id"].to_pylist()


def _destination(url, environ):
    if not environ:
        return destination_of(url)
    return Bucket.of(url, endpoint_url=environ["AWS_ENDPOINT_URL"], **SECRETS)


def _assert_nothing_lost(answered, logged):
    assert len(answered) > 50
    assert set(answered) <= set(logged)
    assert len(logged) - len(answered) <= 2 * CONNECTIONS  # logged, and killed before the answer


@pytest.mark.parametrize("durability", ["local", "process"])
def test_a_kill_under_load_loses_no_answered_prediction(model_directory, tmp_path, durability):
    _assert_nothing_lost(*_killed_under_load(model_directory, tmp_path, durability, 1.0))


def test_a_kill_loses_nothing_that_was_answered_where_s3_keeps_the_log(model_directory, tmp_path):
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0)
    server.start()
    try:
        port = int(server.get_host_and_port()[1])
        bucket_of(port, "kills")
        environ = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "x"}
        environ |= {"AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
        told = ("--ship-to", "s3://kills/predictions")
        _assert_nothing_lost(*_killed_under_load(model_directory, tmp_path, "remote", 3.0, *told, **environ))
    finally:
        server.stop()


@pytest.mark.slow
def test_50_kills_under_load_lose_no_answered_prediction(model_directory, tmp_path):
    total = 0
    for number in range(50):
        durability = "local" if number % 2 else "process"
        found = _killed_under_load(model_directory, tmp_path / str(number), durability, 0.5 + number * 0.02)
        _assert_nothing_lost(*found)
        total += len(found[0])
    print(f"50 kills, {total} answered predictions, none lost")
