"""What every target does: starts beside, switches without a lost request, tells the truth about health."""

import itertools
import time

import httpx
import pytest
from load import Load
from registered import register_versions

from mlmon_dagster import plugins
from mlmon_dagster.errors import FailedError
from mlmon_dagster.ports import Placement, Shift

RECORD = {"sqft": 2000.5, "grade": 7}

numbers = itertools.count()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return register_versions(tmp_path_factory.mktemp("home"))


@pytest.fixture(params=plugins.names("target"))
def target(request):
    return plugins.load("target", request.param)()


@pytest.fixture
def place(world, target):
    """Makes placements in an environment of the test's own, and stops what they started."""
    settings, versions = world
    pipeline, made = f"pipeline_{next(numbers)}", []

    def placement(deployment, number=1):
        made.append(Placement(deployment, pipeline, "dev", versions[number - 1], "blue_green"))
        return made[-1]

    yield placement
    for one in reversed(made):
        target.stop(pipeline, "dev", one.deployment, settings)


def test_a_started_version_answers_before_it_is_live(target, world, place):
    settings, placement = world[0], place("d1")
    started = target.start(placement, settings)
    assert (started.status, started.version, started.digest) == ("healthy", 1, placement.version.digest)
    assert httpx.post(f"{started.address}/predict", json=RECORD).json()["model_version"] == 1
    assert target.live(placement.pipeline, "dev", settings) is None
    again = target.start(placement, settings)
    assert again == started
    live = target.switch(placement, settings)
    assert target.switch(placement, settings) == live == target.live(placement.pipeline, "dev", settings)
    assert (live.status, live.deployment, live.digest) == ("healthy", "d1", placement.version.digest)
    target.stop(placement.pipeline, "dev", "d1", settings)
    target.stop(placement.pipeline, "dev", "d1", settings)
    assert target.live(placement.pipeline, "dev", settings).status == "stopped"


def test_a_version_gets_its_share_and_then_everything_and_no_request_is_lost(target, world, place):
    settings, first, second = world[0], place("d1"), place("d2", 2)
    target.start(first, settings)
    address = target.switch(first, settings).address
    with Load(address, RECORD) as load:
        target.start(second, settings)
        assert target.shift(second, Shift(50), settings).address == address
        assert target.live(first.pipeline, "dev", settings).deployment == "d1"
        while not load.seen(2):
            time.sleep(0.05)
        seen = {one.deployment: one for one in target.traffic(first.pipeline, "dev", settings)}
        assert [(one.role, one.share, one.status) for one in seen.values()] == [
            ("live", 50, "healthy"), ("candidate", 50, "healthy")
        ]  # fmt: skip
        assert target.switch(second, settings).version == 2
        before = load.seen(1)
        for _ in range(3):
            assert httpx.post(f"{address}/predict", json=RECORD).json()["model_version"] == 2
    assert load.failures == {}
    assert load.seen(1) <= before + 6  # what was being answered
    assert target.live(first.pipeline, "dev", settings).deployment == "d2"
    assert target.shift(second, Shift(10), settings).deployment == "d2"
    assert [one.share for one in target.traffic(first.pipeline, "dev", settings) if one.role == "live"] == [100]


def test_a_candidate_that_is_stopped_gives_its_traffic_back(target, world, place):
    settings, first, second = world[0], place("d1"), place("d2", 2)
    target.start(first, settings)
    live = target.switch(first, settings)
    target.start(second, settings)
    target.shift(second, Shift(50), settings)
    with Load(live.address, RECORD) as load:
        while not load.seen(2):
            time.sleep(0.05)
        target.stop(second.pipeline, "dev", "d2", settings)
        before = load.seen(2)
        time.sleep(0.2)
        assert load.seen(2) == before
    assert load.failures == {}
    assert target.live(first.pipeline, "dev", settings) == live
    assert [one.deployment for one in target.traffic(first.pipeline, "dev", settings)] == ["d1"]


def test_the_version_before_comes_back_at_once_where_it_is_kept(target, world, place):
    settings, first, second = world[0], place("d1"), place("d2", 2)
    for placement in (first, second):
        target.start(placement, settings)
        live = target.switch(placement, settings)
    back = place("d3", 1)
    with Load(live.address, RECORD) as load:
        target.start(back, settings)
        assert target.switch(back, settings).version == 1
        for _ in range(3):
            assert httpx.post(f"{live.address}/predict", json=RECORD).json()["model_version"] == 1
    assert load.failures == {}
    assert target.live(first.pipeline, "dev", settings).deployment == "d3"


def test_what_was_never_started_cannot_be_switched_to(target, world, place):
    with pytest.raises(FailedError, match="d9 is not running"):
        target.switch(place("d9"), world[0])


def test_nothing_is_live_where_nothing_was_deployed(target, world):
    assert target.live("nobody", "prod", world[0]) is None
    assert tuple(target.traffic("nobody", "prod", world[0])) == ()
    target.stop("nobody", "prod", "d1", world[0])
