"""Small real models, and an MLflow registry behind SQLite and behind a server."""

import os
import socket
import subprocess
import sys
import time

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor

from mlmon_dagster.adapters.mlflow.registry import MlflowRegistry


@pytest.fixture(scope="session")
def frame():
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "sqft": random.normal(2000, 500, 120),
            "bedrooms": random.integers(1, 6, 120),
            "grade": random.normal(7, 1, 120),
        }
    )


@pytest.fixture(scope="session")
def train(frame):
    def fit(seed=0):
        return RandomForestRegressor(5, max_depth=4, random_state=seed).fit(frame, frame.sqft * 100 + frame.grade)

    return fit


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("mlflow"), _free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            httpx.get(f"{url}/health", timeout=1).raise_for_status()
            break
        except httpx.HTTPError:
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.2)
    yield url
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="session")
def sqlite_registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    return MlflowRegistry(f"sqlite:///{folder}/mlflow.db", folder / "artifacts")


@pytest.fixture(params=["sqlite", "http"])
def registry(request):
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_registry")
    return MlflowRegistry(request.getfixturevalue("mlflow_server"))
