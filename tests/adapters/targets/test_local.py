"""The target on this machine: real processes, and what happens when they die."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from load import Load
from registered import register_versions

from mlmon_dagster.adapters.prediction_log.reading import read_segments, united
from mlmon_dagster.adapters.targets._process import ServerProcess
from mlmon_dagster.adapters.targets.local import Local
from mlmon_dagster.errors import DataError, FailedError
from mlmon_dagster.pipeline.serving import RealtimeInferencing
from mlmon_dagster.ports import Guard, Placement, Shift

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
    for one in reversed(made):
        Local().stop(pipeline, "prod", one.deployment, settings)


def _home(settings, placement):
    return settings.serving / placement.pipeline / "prod" / placement.deployment


def _kill(home, number=signal.SIGKILL):
    """Ends the process of a home, or stops it from running; returns its id."""
    process = int((home / "running").read_text())
    os.kill(process, number)
    return process


def _wait(true):
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def _live(settings, target, placement):
    target.start(placement, settings)
    return target.switch(placement, settings)


def test_what_the_pipeline_declares_reaches_the_server_and_is_shown(world, place):
    settings, target = world[0], Local()
    declared = RealtimeInferencing(durability="process", when_full="fail_open", sample=0.5, moderate=0.5, high=4.0)
    live = _live(settings, target, replace(place("d1"), serving=declared))
    seen = httpx.get(f"{live.address}/health").json()
    assert (seen["durability"], seen["bands"]) == ("process", {"moderate": 0.5, "high": 4.0})
    assert (seen["log"]["when_full"], seen["log"]["sample"]) == ("fail_open", 0.5)
    assert [one.serving for one in target.traffic(place("d1").pipeline, "prod", settings)] == [declared]


def test_a_killed_server_comes_back_by_itself_and_no_caller_notices(world, place):
    settings, target, placement = world[0], Local(), place("d1")
    live, home = _live(settings, target, placement), _home(world[0], placement)
    with Load(live.address, RECORD) as load:
        _wait(lambda: load.seen(1))
        killed = _kill(home)
        _wait(lambda: target.live(placement.pipeline, "prod", settings).status != "healthy")
        _wait(lambda: target.live(placement.pipeline, "prod", settings) == live)
        before = load.seen(1)
        _wait(lambda: load.seen(1) > before)
    assert load.failures == {}
    assert int((home / "running").read_text()) != killed
    logged = united(read_segments(home.parent / "predictions"), None, None)
    assert logged.num_rows >= load.seen(1)  # what was answered before the kill is in the log


def test_a_killed_replica_is_stood_in_for_by_the_others_and_comes_back(world, place):
    settings, target, placement = world[0], Local(replicas=2), place("d1")
    live, home = _live(settings, target, placement), _home(world[0], placement)
    second = home.with_name("d1.2")
    assert ServerProcess(home).address != ServerProcess(second).address
    assert not (second / "model").exists()  # both use one copy
    with Load(live.address, RECORD) as load:
        _wait(lambda: load.seen(1) > 20)
        killed = _kill(second)
        assert target.live(placement.pipeline, "prod", settings).status == "healthy"
        _wait(lambda: int((second / "running").read_text() or killed) != killed)
        _wait(lambda: [one.replicas for one in target.traffic(placement.pipeline, "prod", settings)] == [2])
    assert load.failures == {}
    logged = united(read_segments(home.parent / "predictions"), None, None)
    assert logged.num_rows >= load.seen(1)
    target.stop(placement.pipeline, "prod", "d1", settings)
    assert not ServerProcess(home).running
    assert not ServerProcess(second).running


@pytest.mark.slow
def test_a_replica_that_hangs_is_passed_over_and_replaced(world, place):
    settings, target, placement = world[0], Local(replicas=2), place("d1")
    live, home = _live(settings, target, placement), _home(world[0], placement)
    second = home.with_name("d1.2")
    with Load(live.address, RECORD) as load:
        _wait(lambda: load.seen(1) > 20)
        stopped = _kill(second, signal.SIGSTOP)
        time.sleep(5)
        for _ in range(6):  # what comes now goes to the other process
            httpx.post(f"{live.address}/predict", json=RECORD, timeout=10).raise_for_status()
        _wait(lambda: int((second / "running").read_text() or stopped) != stopped)
    assert load.failures == {}


def test_a_request_sent_again_meets_the_process_that_answered_it_also_when_the_router_was_killed(world, place):
    settings, target, placement = world[0], Local(replicas=2), place("d1")
    live, folder = _live(settings, target, placement), _home(world[0], placement).parent
    asked = [{"x-request-id": f"order-{number}"} for number in range(8)]
    with httpx.Client(base_url=live.address, timeout=20) as client:
        first = [client.post("/predict", json=RECORD, headers=one).json() for one in asked]
    _kill(folder / "router")
    with httpx.Client(base_url=live.address, timeout=20) as client:
        again = [client.post("/predict", json=RECORD, headers=one) for one in asked]
    assert [one.json() for one in again] == first  # to the millisecond of their time
    assert {one.headers.get("idempotent-replay") for one in again} == {"true"}
    prefixes = {one["id"] for one in first}
    assert prefixes == {one["x-request-id"] for one in asked}


def test_a_killed_candidate_loses_its_traffic_and_no_caller_notices(world, place):
    settings, target, first, second = world[0], Local(), place("d1"), place("d2", 2)
    live = _live(settings, target, first)
    target.start(second, settings)
    with Load(live.address, RECORD) as load:
        target.shift(second, Shift(50, guard=Guard(minimum_requests=5)), settings)
        _wait(lambda: load.seen(2) > 20)
        _kill(_home(settings, second))
        _wait(lambda: any(one.tripped for one in target.traffic(first.pipeline, "prod", settings)))
        before = load.seen(1)
        _wait(lambda: load.seen(1) > before + 20)
    assert load.failures == {}
    seen = {one.deployment: one for one in target.traffic(first.pipeline, "prod", settings)}
    assert (seen["d1"].share, seen["d2"].share) == (100, 0)
    with pytest.raises(FailedError, match=r"the guard took the traffic from d2: .* requests failed"):
        target.switch(second, settings)
    assert target.live(first.pipeline, "prod", settings) == live


def test_a_killed_router_comes_back_at_its_address(world, place):
    settings, target, placement = world[0], Local(), place("d1")
    live, folder = _live(settings, target, placement), _home(world[0], placement).parent
    _kill(folder / "router")
    httpx.post(f"{live.address}/predict", json=RECORD, timeout=20).raise_for_status()  # no connection is refused
    _wait(lambda: target.live(placement.pipeline, "prod", settings) == live)


@pytest.mark.slow
def test_a_killed_keeper_comes_back_and_keeps_on(world, place):
    settings, target, placement = world[0], Local(), place("d1")
    live, home = _live(settings, target, placement), _home(world[0], placement)
    killed = _kill(home.parent / "keeper")
    _wait(lambda: ServerProcess(home.parent / "keeper").running)
    _wait(lambda: int((home.parent / "keeper" / "running").read_text() or killed) != killed)
    _kill(home)
    _wait(lambda: target.live(placement.pipeline, "prod", settings) == live)
    _kill(home.parent / "router")
    _wait(lambda: target.live(placement.pipeline, "prod", settings) == live)


@pytest.mark.slow
def test_after_everything_was_killed_the_same_deployment_serves_again_at_its_address(world, place):
    settings, target, placement = world[0], Local(), place("d1")
    live, home = _live(settings, target, placement), _home(world[0], placement)
    httpx.post(f"{live.address}/predict", json=RECORD).raise_for_status()
    for one in ("keeper", "router", "d1"):
        _kill(home.parent / one, signal.SIGSTOP)
    for one in ("keeper", "router", "d1"):
        _kill(home.parent / one)
    _wait(lambda: not any(ServerProcess(home.parent / one).running for one in ("keeper", "router", "d1")))
    dead = target.live(placement.pipeline, "prod", settings)
    assert (dead.status, dead.address) == ("stopped", live.address)
    assert [one.status for one in target.traffic(placement.pipeline, "prod", settings)] == ["stopped"]
    target.start(placement, settings)
    assert target.switch(placement, settings) == live
    assert httpx.post(f"{live.address}/predict", json=RECORD).status_code == 200


def test_a_server_that_hangs_is_unhealthy_and_gives_way(world, place):
    settings, target, first, second = world[0], Local(), place("d1"), place("d2", 2)
    live = _live(settings, target, first)
    _kill(_home(settings, first), signal.SIGSTOP)
    assert target.live(first.pipeline, "prod", settings).status == "unhealthy"
    target.start(second, settings)
    switched = target.switch(second, settings)
    assert (switched.version, switched.address, switched.status) == (2, live.address, "healthy")
    assert not ServerProcess(_home(settings, first)).running


@pytest.mark.slow
def test_the_model_of_a_version_that_left_is_removed_and_taken_from_the_registry_again(world, place):
    settings, target, first, second = world[0], Local(), place("d1"), place("d2", 2)
    _live(settings, target, first)
    _live(settings, target, second)
    assert not (_home(settings, first) / "model").exists()
    assert _live(settings, target, first).version == 1


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


@pytest.mark.slow
def test_a_taken_port_fails_the_switch_and_leaves_the_old_version_live(world, place):
    settings, first, second = world[0], place("d1"), place("d2", 2)
    live = _live(settings, Local(), first)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        target = Local(port=taken.getsockname()[1])
        target.start(second, settings)
        with pytest.raises(FailedError, match=r"port \d+ cannot be listened on"):
            target.switch(second, settings)
    assert Local().live(first.pipeline, "prod", settings) == live
    assert httpx.post(f"{live.address}/predict", json=RECORD).json()["model_version"] == 1
    assert target.switch(second, settings).address == f"http://127.0.0.1:{target.port}"
    assert httpx.post(f"http://127.0.0.1:{target.port}/predict", json=RECORD).json()["model_version"] == 2


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
