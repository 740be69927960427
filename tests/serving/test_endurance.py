"""A server under a steady load: its memory stays what it was, nothing is refused, and every answer is in the log."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from registered import profile, reference
from sklearn.linear_model import LinearRegression

from mlmon_dagster.adapters.mlflow.model_directory import write_model
from mlmon_dagster.adapters.prediction_log.reading import read_segments

RATE = 500
"""Requests a second."""
CONNECTIONS = 10
WARM_SECONDS = 2.0
"""After which memory is looked at: detectors, histograms and replays are as large as they get soon."""


@pytest.fixture(scope="module")
def model_directory(tmp_path_factory):
    frame, directory = reference(), tmp_path_factory.mktemp("exported") / "houses"
    write_model(directory, LinearRegression().fit(frame, frame.sqft), frame, profile(frame))
    return directory


async def _client(port, name, until, answered):
    """Asks at its share of the rate, also with ids of its own, and a batch now and then."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number, due = 0, loop.time()
    while loop.time() < until:
        record = {"sqft": 1000.5 + number % 977, "grade": number % 12}
        path, body = ("/batch-predict", [record] * 50) if number % 100 == 99 else ("/predict", record)
        own = f"X-Request-Id: {name}-{number}\r\n" if number % 2 else ""
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{own}"
        writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]))
        answered.append(50 if path == "/batch-predict" else 1)
        number += 1
        due += CONNECTIONS / RATE
        await asyncio.sleep(max(0.0, due - loop.time()))
    writer.close()


async def _load(port, process, seconds):
    """(rows that were answered, MiB of the server once it is warm, and at the end)."""
    loop, answered = asyncio.get_running_loop(), []
    warm = min(60.0, max(WARM_SECONDS, seconds / 5))
    until = loop.time() + seconds
    clients = [asyncio.create_task(_client(port, f"c{number}", until, answered)) for number in range(CONNECTIONS)]
    await asyncio.sleep(warm)
    before = _resident(process)
    await asyncio.gather(*clients)
    return sum(answered), before, _resident(process)


def _resident(process):
    line = next(one for one in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmRSS" in one)
    return int(line.split()[1]) / 1024


def _steady(directory, log, seconds):
    command = ["serve", "--model-dir", directory, "--log-dir", log, "--ship-to", "nowhere", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from mlmon_dagster.cli import main; main()", *map(str, command)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "MLMON_HOME": str(log / "home")},
    )
    try:
        said = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        rows, before, after = asyncio.run(_load(int(said["address"].rpartition(":")[2]), process, seconds))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.stdout.close()
    logged = sum(table.num_rows for table in read_segments(log))
    return rows, logged, before, after


def _assert_steady(rows, logged, before, after, seconds):
    assert logged == rows
    assert rows > seconds * RATE / 10  # a busy machine asks less
    assert after - before < max(8.0, before / 10), (before, after)


def test_a_steady_load_leaves_memory_as_it_was(model_directory, tmp_path):
    _assert_steady(*_steady(model_directory, tmp_path, 6), 6)


@pytest.mark.slow
def test_10_minutes_at_500_requests_a_second_leave_memory_as_it_was(model_directory, tmp_path):
    found = _steady(model_directory, tmp_path, 600)
    print(f"{found[0]} rows in 10 minutes, {found[2]:.1f} MiB after a minute, {found[3]:.1f} MiB at the end")
    _assert_steady(*found, 600)
