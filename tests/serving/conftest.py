"""A small model with its reference, served in this process."""

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from sklearn.linear_model import LinearRegression

from mlmon_dagster.adapters.compiled.form import Form
from mlmon_dagster.adapters.mlflow.model_directory import LoadedModel
from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.drift.zscore import Baseline
from mlmon_dagster.serving.app import ServerState, create_app
from mlmon_dagster.serving.prediction_log import LogOptions, PredictionLog
from mlmon_dagster.serving.predictor import Predictor, Served

INPUTS = (
    ModelInput("bedrooms", "integer"),
    ModelInput("bathrooms", "float"),
    ModelInput("sqft", "float"),
    ModelInput("age", "float"),
    ModelInput("location_score", "float"),
)
MEANS = {"bedrooms": 2.98, "bathrooms": 2.01, "sqft": 2003.0, "age": 24.7, "location_score": 5.49}
STDS = {"bedrooms": 1.453, "bathrooms": 0.818, "sqft": 496.0, "age": 14.8, "location_score": 2.64}


@pytest.fixture
def predictor(tmp_path):
    random = np.random.default_rng(1)
    frame = pd.DataFrame({one.name: random.normal(MEANS[one.name], STDS[one.name], 200) for one in INPUTS})
    model = LinearRegression().fit(frame, frame.sqft * 300)
    served = Served("house_prices", 3, "d" * 64, "house_prices", "prod", "deployment-7")
    log = PredictionLog(LogOptions(tmp_path / "predictions"), served.header(INPUTS, "local"))
    yield Predictor(LoadedModel(INPUTS, Form("frame"), None, model), Baseline(MEANS, STDS), served, log)
    log.close()


@pytest.fixture
def state():
    return ServerState()


@pytest.fixture
def client(predictor, state):
    return TestClient(create_app(predictor, state), raise_server_exceptions=False)


@pytest.fixture
def record():
    return {"bedrooms": 3, "bathrooms": 2, "sqft": 2000, "age": 10, "location_score": 7}
