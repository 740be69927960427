"""A deployment whose parts die at every step, on real servers under load: it ends once, and no caller notices."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from deployer import Mortal, _now, carry_out, pipeline_of
from governed import Clock, governed
from load import Load
from registered import register_versions

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.adapters.targets._process import ServerProcess
from mlmon_dagster.adapters.targets.local import Local
from mlmon_dagster.errors import FailedError
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.queries import deployments

RECORD = {"sqft": 2000.5, "grade": 7}
CALLS = {
    "blue_green": ("start:1", "shift:1", "switch:1"),
    "canary": ("start:1", "shift:1", "shift:2", "shift:3", "switch:1"),
}
POINTS = [
    (strategy, f"{call}:{when}") for strategy, calls in CALLS.items() for call in calls for when in ("before", "after")
]
QUICK = [("canary", "shift:2:after"), ("blue_green", "switch:1:after")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder, its settings, and two registered versions."""
    home = tmp_path_factory.mktemp("home")
    return home, *register_versions(home)


@pytest.fixture
def world(home, request):
    """A pipeline of the test's own whose version 1 is live in dev: (name, what the environment runs, governance)."""
    name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name.lower())[-50:].strip("_")
    _, settings, versions = home
    database = open_database(settings.database_url)
    governance = replace(governed(database, Clock()), now=_now)
    for version in versions:
        register_model(governance, pipeline_of(name, "canary", Local()).pipeline, version, actor=MACHINE)
    yield name, settings, governance
    for one in deployments(governance, name):
        Local().stop(name, "dev", one.id, settings)
    database.close()


def _ended(world, first):
    """Everything is as if nobody had died: once live, once recorded, all traffic, and one version that stands by."""
    name, settings, governance = world
    assert {one.version: one.state for one in deployments(governance, name)} == {1: "superseded", 2: "live"}
    governance.ledger.verify()
    second = next(one for one in deployments(governance, name) if one.version == 2)
    with governance.ledger.read() as reading:
        lines = reading.entries(subject=second.id)
    entries = [(line.entry.action, line.entry.data.get("state"), line.entry.data.get("share")) for line in lines]
    assert len(entries) == len(set(entries)), entries
    assert [action for action, *_ in entries].count("deployment.succeeded") == 1
    live = Local().live(name, "dev", settings)
    assert (live.address, live.version, live.status, live.deployment) == (first.address, 2, "healthy", second.id)
    seen = [(one.version, one.role, one.share) for one in Local().traffic(name, "dev", settings)]
    assert seen == [(2, "live", 100.0), (1, "standby", 0.0)]
    assert httpx.post(f"{live.address}/predict", json=RECORD).json()["model_version"] == 2


@pytest.mark.parametrize(
    ("strategy", "point"),
    [pytest.param(*one, marks=() if one in QUICK else pytest.mark.slow) for one in POINTS],
)
def test_a_deployer_killed_at_any_step_is_taken_up_again_and_no_request_fails(home, world, strategy, point):
    name = world[0]
    first = carry_out(home[0], name, strategy, 1, Local())
    command = [sys.executable, str(Path(__file__).parents[2] / "deployer.py"), str(home[0]), name, strategy]
    with Load(first.address, RECORD) as load:
        killed = subprocess.run([*command, point], check=False, capture_output=True, text=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        before = sum(load.answers.values())
        carry_out(home[0], name, strategy, 2, Mortal())
        while sum(load.answers.values()) == before:
            time.sleep(0.02)
    assert load.failures == {}
    _ended(world, first)


@pytest.mark.parametrize(
    "state", [pytest.param("shadowing", marks=pytest.mark.slow), "10", pytest.param("100", marks=pytest.mark.slow)]
)
def test_a_candidate_killed_at_any_step_costs_no_request_and_the_environment_ends_whole(home, world, state):
    name, settings, governance = world
    first = carry_out(home[0], name, "canary", 1, Local())
    killed = []

    def kill_once(_seconds):
        time.sleep(0.2)
        for one in Local().traffic(name, "dev", settings):
            at = "shadowing" if one.role == "shadow" else f"{one.share:g}"
            if one.version == 2 and at == state and not killed:
                candidate = settings.serving / name / "dev" / one.deployment
                killed.append(int((candidate / "running").read_text()))
                os.kill(killed[0], signal.SIGKILL)

    with Load(first.address, RECORD) as load:
        try:
            carry_out(home[0], name, "canary", 2, Local(), wait=kill_once)
            ended = "live"
        except FailedError:
            ended = "failed" if state == "shadowing" else "rolled_back"  # a shadow never had traffic
    assert killed
    assert load.failures == {}
    states = {one.version: one.state for one in deployments(governance, name)}
    assert states == {1: "superseded" if ended == "live" else "live", 2: ended}
    live = Local().live(name, "dev", settings)
    assert (live.version, live.status) == (2 if ended == "live" else 1, "healthy")
    running = [one.parent.name for one in (settings.serving / name / "dev").glob("*/options.json")]
    alive = [one for one in running if ServerProcess(settings.serving / name / "dev" / one).running]
    assert len(alive) == (2 if ended == "live" else 1)
