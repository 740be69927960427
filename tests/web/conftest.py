"""The API for tests."""

from pathlib import Path

import pytest
from api_office import Api, staffed
from governed import Clock, version

from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.models import register_model


@pytest.fixture
def api(database: Database, clock: Clock, tmp_path: Path) -> Api:
    return staffed(database, clock, tmp_path)


@pytest.fixture
def registered(api: Api) -> Api:
    """With version 1 of our model."""
    register_model(api.governance, api.ours.pipeline, version(1), actor=MACHINE)
    return api
