"""A home of its own for pipelines that are watched: opening a registry takes seconds."""

from typing import Any

import pytest
from governed import Clock, governed
from watched import MODEL, World

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.adapters.local.object_store import FileObjectStore
from mlmon_dagster.adapters.mlflow.registry import open_registry
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.settings import read_settings


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("world")
    settings = read_settings({"MLMON_HOME": str(home)})
    database = open_database(settings.database_url)
    (home / "flats_model.py").write_text(MODEL)
    yield (
        home,
        Ports(governed(database, Clock()), Outputs(FileObjectStore(settings.store)), open_registry(settings), settings),
    )
    database.close()


@pytest.fixture
def world(opened: Any) -> World:
    return World(*opened, {"inputs": {"use": "ks", "columns": "all"}})
