"""Kills under load: nobody is refused, only what was in flight breaks, and sent again by its id it counts once."""

import os
import signal
import time
from collections import Counter

import pytest
from registered import register_versions
from retrying import Retrying

from mlmon_dagster.adapters.prediction_log.reading import read_segments, united
from mlmon_dagster.adapters.targets.local import Local
from mlmon_dagster.ports import Placement

RECORD = {"sqft": 2000.5, "grade": 7}
CLIENTS = 8


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return register_versions(tmp_path_factory.mktemp("home"), 1)


@pytest.fixture
def live(world, request):
    """(target, address, folder) of a version with two processes."""
    settings, versions = world
    target, placement = Local(replicas=2), Placement("d1", request.node.name[:40], "prod", versions[0], "direct")
    target.start(placement, settings)
    yield target.switch(placement, settings).address, settings.serving / placement.pipeline / "prod"
    target.stop(placement.pipeline, "prod", "d1", settings)


def _kill(home):
    before = (home / "running").read_text()
    os.kill(int(before), signal.SIGKILL)
    end = time.monotonic() + 30
    while (home / "running").read_text() in (before, ""):
        assert time.monotonic() < end, "it was not started again"
        time.sleep(0.005)


def _answered(load, count):
    end = time.monotonic() + 60
    while len(load.answers) < count:
        assert time.monotonic() < end, (load.statuses, load.refused)
        time.sleep(0.01)


def _killed(address, home, kills):
    """The clients, after so many kills of the process in `home`, each under load."""
    with Retrying(address, RECORD, kept=CLIENTS - 2, fresh=2) as load:
        for _ in range(kills):
            _answered(load, len(load.answers) + 200)
            _kill(home)
        _answered(load, len(load.answers) + 200)
    assert set(load.statuses) == {200}
    assert load.refused == 0
    return load


def test_a_killed_router_breaks_only_what_was_in_flight_and_no_request_counts_twice(live):
    address, folder = live
    load = _killed(address, folder / "router", kills=4)
    assert len(load.broken) <= 4 * CLIENTS  # at most one for each client and kill
    assert load.broken
    written = Counter(
        name for table in read_segments(folder / "predictions") for name in table["request_id"].to_pylist()
    )
    assert {name: written[name] for name in load.answers if written[name] != 1} == {}  # scored once, logged once


def test_a_killed_worker_is_stood_in_for_and_no_caller_notices(live):
    address, folder = live
    load = _killed(address, folder / "d1.2", kills=2)
    assert load.broken == []
    counted = united(read_segments(folder / "predictions"), None, None)["request_id"].to_pylist()
    assert len(counted) == len(set(counted))  # what two processes logged is one prediction
    assert set(load.answers) <= set(counted)
