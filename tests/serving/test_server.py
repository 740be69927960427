"""The server as a process of its own, started from the command line."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from registered import profile, reference
from sklearn.linear_model import LinearRegression

from mlmon_dagster.adapters.mlflow.manifest import Manifest
from mlmon_dagster.adapters.mlflow.model_directory import write_model
from mlmon_dagster.adapters.prediction_log.reading import read_segments, united
from mlmon_dagster.drift.packing import pack


@pytest.fixture(scope="module")
def model_directory(tmp_path_factory):
    frame, directory = reference(), tmp_path_factory.mktemp("exported") / "houses"
    write_model(directory, LinearRegression().fit(frame, frame.sqft), frame, profile(frame))
    return directory


def _serve(directory, tmp_path, *options):
    command = [sys.executable, "-c", "from mlmon_dagster.cli import main; main()", "serve", "--model-dir", directory]
    environment = {**os.environ, "MLMON_HOME": str(tmp_path / "home")}
    return subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def _refused(directory, tmp_path, *options):
    process = _serve(directory, tmp_path, *options)
    _, error = process.communicate(timeout=60)
    assert "Traceback" not in error
    return process.returncode, error


def test_it_prints_its_address_answers_logs_and_ends_when_asked(model_directory, tmp_path):
    process = _serve(model_directory, tmp_path, "--log-dir", tmp_path / "log", "--json")
    said = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
    answer = httpx.post(f"{said['address']}/predict", json={"sqft": 1500, "grade": 7})
    assert answer.json()["prediction"] == pytest.approx(1500)
    assert answer.json()["drift_score"] > 0
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    (row,) = united(read_segments(tmp_path / "log"), None, None).to_pylist()
    assert row["request_id"] == answer.json()["id"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--durability", "remote"], "--ship-to must say where"),
        (["--durability", "remote", "--ship-to", "nowhere"], "--ship-to must say where"),
        (["--ship-to", "ftp://somewhere"], "to a folder or to s3://bucket/prefix, got ftp://somewhere"),
    ],
)
def test_a_log_that_cannot_be_kept_as_said_stops_the_start(model_directory, tmp_path, options, sentence):
    code, error = _refused(model_directory, tmp_path, "--log-dir", tmp_path / "log", *options)
    assert (code, sentence in error) == (2, True)


def test_a_taken_port_is_told_in_a_sentence(model_directory, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, error = _refused(model_directory, tmp_path, "--port", port)
    assert code == 2
    assert f"127.0.0.1:{port} cannot be listened on: Address already in use" in error


@pytest.mark.parametrize("file", ["profile.npz", "model.skops", "compiled/form.json"])
def test_a_changed_or_missing_file_stops_the_start(model_directory, tmp_path, file):
    copy = shutil.copytree(model_directory, tmp_path / "copy")
    (copy / file).unlink()
    code, error = _refused(copy, tmp_path)
    assert (code, f"{file} is missing" in error) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no reference profile"), (b"zeros", "[MAGIC] profile.npz"), (pack({}, {}), "not a reference profile")],
)
def test_without_a_reference_nothing_is_scored_and_nothing_served(model_directory, tmp_path, content, message):
    copy = shutil.copytree(model_directory, tmp_path / "copy")
    (copy / "profile.npz").unlink() if content is None else (copy / "profile.npz").write_bytes(content)
    Manifest.of(copy).write(copy)
    code, error = _refused(copy, tmp_path)
    assert (code, message in error) == (2, True)
