"""What every target does: starts beside, switches without a lost request, tells the truth about health."""

import itertools
import threading

import httpx
import pytest
from registered import register_versions

from mlmon_dagster import plugins
from mlmon_dagster.errors import FailedError
from mlmon_dagster.ports import Placement

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
        made.append(Placement(deployment, pipeline, "dev", versions[number - 1], "direct"))
        return made[-1]

    yield placement
    for one in made:
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


def test_a_switch_under_load_loses_no_request(target, world, place):
    settings, first, second = world[0], place("d1"), place("d2", 2)
    target.start(first, settings)
    address, answers, done = target.switch(first, settings).address, [], threading.Event()

    def ask(keep):
        with httpx.Client() as client:
            while not done.is_set():
                try:
                    send = client.post if keep else httpx.post
                    response = send(f"{address}/predict", json=RECORD)
                    answers.append((response.status_code, response.json().get("model_version")))
                except httpx.HTTPError as error:
                    answers.append((repr(error), None))

    threads = [threading.Thread(target=ask, args=(keep,)) for keep in (True, False, True)]
    for thread in threads:
        thread.start()
    target.start(second, settings)
    assert target.switch(second, settings).version == 2
    for _ in range(3):
        assert httpx.post(f"{address}/predict", json=RECORD).json()["model_version"] == 2
    done.set()
    for thread in threads:
        thread.join()
    assert set(answers) == {(200, 1), (200, 2)}
    assert target.live(first.pipeline, "dev", settings).deployment == "d2"


def test_what_was_never_started_cannot_be_switched_to(target, world, place):
    with pytest.raises(FailedError, match="d9 is not running"):
        target.switch(place("d9"), world[0])


def test_nothing_is_live_where_nothing_was_deployed(target, world):
    assert target.live("nobody", "prod", world[0]) is None
    target.stop("nobody", "prod", "d1", world[0])
