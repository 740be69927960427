"""Small models with their reference, served in this process."""

import asyncio
import socket
import threading

import numpy as np
import pandas as pd
import pytest
import uvloop
from fastapi.testclient import TestClient
from sklearn.ensemble import AdaBoostRegressor
from sklearn.linear_model import LinearRegression

from mlmon_dagster.adapters.compiled.compiling import compile_model
from mlmon_dagster.adapters.compiled.form import Form
from mlmon_dagster.adapters.compiled.runtime import ArrayModel, CompiledModel
from mlmon_dagster.adapters.mlflow.model_directory import LoadedModel
from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.drift.scorer import Calibration, FeatureScore, RecordScorer
from mlmon_dagster.serving.application import Application
from mlmon_dagster.serving.asgi import AsgiApplication
from mlmon_dagster.serving.connections import Connections
from mlmon_dagster.serving.durability import LogOptions
from mlmon_dagster.serving.prediction_log import PredictionLog
from mlmon_dagster.serving.predictor import Predictor
from mlmon_dagster.serving.served import Served

INPUTS = (
    ModelInput("bedrooms", "integer"),
    ModelInput("bathrooms", "float"),
    ModelInput("sqft", "float"),
    ModelInput("age", "float"),
    ModelInput("location_score", "float"),
)
MEANS = {"bedrooms": 2.98, "bathrooms": 2.01, "sqft": 2003.0, "age": 24.7, "location_score": 5.49}
STDS = {"bedrooms": 1.453, "bathrooms": 0.818, "sqft": 496.0, "age": 14.8, "location_score": 2.64}


def reference():
    random = np.random.default_rng(1)
    return pd.DataFrame({one.name: random.normal(MEANS[one.name], STDS[one.name], 200) for one in INPUTS})


def loaded(kind):
    """The house prices model in one of its forms; all predict 300 times `sqft` (`native` only about)."""
    frame = reference()
    if kind == "native":
        model = AdaBoostRegressor(n_estimators=3, random_state=0).fit(frame.to_numpy(), frame.sqft * 300)
        return LoadedModel(INPUTS, Form("array", "it is not compiled"), ArrayModel(model))
    model = LinearRegression().fit(frame, frame.sqft * 300)
    if kind == "frame":
        return LoadedModel(INPUTS, Form("frame", "it needs names"), None, model)
    form, graph = compile_model(model, model.predict, frame.to_numpy())
    return LoadedModel(INPUTS, form, CompiledModel(form, len(INPUTS), graph))


@pytest.fixture
def kind():
    return "compiled"


@pytest.fixture
def log_options(tmp_path):
    return LogOptions(tmp_path / "predictions")


@pytest.fixture
def predictor(kind, log_options):
    served = Served("house_prices", 3, "d" * 64, "house_prices", "prod", "deployment-7")
    log = PredictionLog(log_options, served.header(INPUTS, "local"))
    scorer = RecordScorer(tuple(FeatureScore("number", MEANS[one.name], 1 / STDS[one.name]) for one in INPUTS))
    _, means, largest = scorer.rows(reference().to_numpy())
    predictor = Predictor(loaded(kind), scorer, Calibration.of(means, largest), served, log)
    yield predictor
    predictor.close()


@pytest.fixture
def application(predictor, record):
    return Application(predictor, record)


@pytest.fixture
def client(application):
    with TestClient(AsgiApplication(application), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def record():
    return {"bedrooms": 3, "bathrooms": 2, "sqft": 2000, "age": 10, "location_score": 7}


class Listening:
    """The application behind a real socket, on a loop in a thread."""

    def __init__(self, application):
        self.application = application
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.connections = self.run(self._open())

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    async def _open(self):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.port = listener.getsockname()[1]
        connections = Connections(self.application)
        await connections.accept(listener)
        return connections

    def close(self):
        self.run(self.connections.drain(0, 1))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()


@pytest.fixture
def listening(application):
    opened = Listening(application)
    yield opened
    opened.close()
