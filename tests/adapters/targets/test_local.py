"""The target on this machine: real processes, and what happens when they die."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from registered import register_versions

from mlmon_dagster.adapters.prediction_log.reading import read_segments, united
from mlmon_dagster.adapters.targets._process import ServerProcess
from mlmon_dagster.adapters.targets.local import Local
from mlmon_dagster.errors import DataError, FailedError
from mlmon_dagster.ports import Placement

RECORD = {"sqft": 2000.5, "grade": 7}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return register_versions(tmp_path_factory.mktemp("home"))


@pytest.fixture
def place(world, request):
    settings, versions = world
    pipeline, made = request.node.name[:60], []

    def placement(deployment, number=1):
        made.append(Placement(deployment, pipeline, "prod", versions[number - 1], "direct"))
        return made[-1]

    yield placement
    for one in made:
        Local().stop(pipeline, "prod", one.deployment, settings)


def _home(settings, placement):
    return settings.serving / placement.pipeline / "prod" / placement.deployment


def _kill(home):
    os.kill(int((home / "running").read_text()), signal.SIGKILL)
    while ServerProcess(home).running:
        time.sleep(0.01)


def test_a_killed_server_is_said_to_be_stopped_and_comes_back_at_its_address(world, place):
    settings, target, placement = world[0], Local(), place("d1")
    target.start(placement, settings)
    live = target.switch(placement, settings)
    httpx.post(f"{live.address}/predict", json=RECORD).raise_for_status()
    _kill(_home(settings, placement))
    dead = target.live(placement.pipeline, "prod", settings)
    assert (dead.status, dead.address) == ("stopped", live.address)
    rows = united(read_segments(_home(settings, placement).parent / "predictions"), None, None)
    assert RECORD in rows["features"].to_pylist()  # what was answered before the kill is in the log
    target.start(placement, settings)
    assert target.switch(placement, settings) == live
    assert httpx.post(f"{live.address}/predict", json=RECORD).status_code == 200


def test_a_server_that_hangs_is_unhealthy_and_gives_way(world, place):
    settings, target, first, second = world[0], Local(), place("d1"), place("d2", 2)
    target.start(first, settings)
    live = target.switch(first, settings)
    process = int((_home(settings, first) / "running").read_text())
    os.kill(process, signal.SIGSTOP)
    assert target.live(first.pipeline, "prod", settings).status == "unhealthy"
    target.start(second, settings)
    switched = target.switch(second, settings)
    assert (switched.version, switched.address, switched.status) == (2, live.address, "healthy")
    assert not ServerProcess(_home(settings, first)).running


def test_two_starts_at_once_make_one_process(world, place):
    settings, placement = world[0], place("d1")
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda _: Local().start(placement, settings), range(2))
    assert one == other
    assert (_home(settings, placement) / "server.log").read_text().count("ready at") == 1


def test_a_changed_model_file_is_not_served(world, place):
    settings, placement = world[0], place("d1")
    Local().start(placement, settings)
    Local().stop(placement.pipeline, "prod", "d1", settings)
    file = _home(settings, placement) / "model" / "model.skops"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(DataError, match=r"model\.skops was changed"):
        Local().start(placement, settings)


def test_a_taken_port_fails_the_switch_and_leaves_the_old_version_live(world, place):
    settings, first, second = world[0], place("d1"), place("d2", 2)
    Local().start(first, settings)
    live = Local().switch(first, settings)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        target = Local(port=taken.getsockname()[1])
        target.start(second, settings)
        with pytest.raises(FailedError, match=r"port \d+ cannot be listened on"):
            target.switch(second, settings)
    assert Local().live(first.pipeline, "prod", settings) == live


def test_a_server_that_cannot_start_fails_with_the_end_of_its_log(world, tmp_path):
    options = {"served": {"model": "m", "version": 1, "digest": "0" * 64}, "log_directory": str(tmp_path / "log")}
    with pytest.raises(FailedError, match=r"exit code 2 .* has no readable manifest\.json"):
        ServerProcess(tmp_path).start(options, [])


def test_a_foreign_process_is_never_signalled(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        (tmp_path / "running").write_text(str(other.pid))
        assert not ServerProcess(tmp_path).running
        ServerProcess(tmp_path).stop()
        assert other.poll() is None
        other.kill()
