"""Whether somebody deployed around us."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from governed import Clock, Shelf, approved, declared, deployed, version

from mlmon_dagster.errors import UnavailableError
from mlmon_dagster.lifecycle.deployments import advance_deployment, finish_deployment, open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.reconciliation import deviations
from mlmon_dagster.lifecycle.rollbacks import roll_back
from mlmon_dagster.ports import ModelVersion, Placement, Serving


@dataclass
class Pointers:
    """A registry of aliases."""

    aliases_: dict[str, int] = field(default_factory=dict)
    down: bool = False

    def aliases(self, name: str) -> dict[str, int]:
        if self.down:
            raise UnavailableError("MLflow is down")
        return self.aliases_

    def point(self, version: ModelVersion, environment: str) -> None:
        self.aliases(version.name)[environment] = version.number


@dataclass
class World:
    governance: Governance
    shelf: Shelf
    registry: Pointers

    def told(self) -> list[str]:
        pipeline = declared(target=self.shelf).pipeline
        registry: Any = self.registry
        found = deviations(self.governance, pipeline, ("dev",), registry, None)
        return [one.reason for one in found]


@pytest.fixture
def world(governance: Governance) -> World:
    """Version 1 is live in dev, on its target and under its alias."""
    shelf = Shelf()
    one = declared(target=shelf)
    live = deployed(governance, one, "dev", 1)
    shelf.switch(Placement(live.id, "prices", "dev", version(1), "direct"), None)
    return World(governance, shelf, Pointers({"dev": 1}))


def test_what_is_live_as_the_log_says_is_no_deviation(world: World) -> None:
    assert world.told() == []


def test_another_version_on_the_target_is_told(world: World) -> None:
    world.shelf.switch(Placement("deployment-99", "prices", "dev", version(7), "direct"), None)
    assert world.told() == [
        "version 7 (000000000000) serves, and the log says version 1 (000000000000, "
        f"{world.shelf.switched[0].deployment})"
    ]


def test_the_same_number_with_other_bytes_is_told(world: World) -> None:
    world.shelf.switch(Placement("deployment-99", "prices", "dev", version(1, digest="e" * 64), "direct"), None)
    assert "eeeeeeeeeeee" in world.told()[0]


def test_nothing_where_something_should_be_is_told(world: World) -> None:
    world.shelf.switched.clear()
    assert "nothing serves" in world.told()[0]


def test_something_where_nothing_should_be_is_told(governance: Governance) -> None:
    shelf = Shelf()
    shelf.switch(Placement("deployment-1", "prices", "dev", version(3), "direct"), None)
    told = World(governance, shelf, Pointers({"dev": 3})).told()
    assert [reason.split(",")[0] for reason in told] == [
        "version 3 serves (deployment-1)",
        "the alias dev of prices points to version 3",
    ]


def test_an_alias_moved_by_hand_is_told(world: World) -> None:
    world.registry.aliases_["dev"] = 2
    assert world.told() == ["the alias dev of prices points to version 2, live is version 1"]


def rolled_back(world: World, registry: Any) -> None:
    """Version 2 was live, and the alias pointed to it."""
    one = declared(target=world.shelf)
    deployed(world.governance, one, "dev", 2)
    world.registry.aliases_["dev"] = 2
    told = {"settings": None, "reason": "errors", "actor": "pia", "registry": registry}
    roll_back(world.governance, one.pipeline, "dev", **told)


def test_the_alias_follows_a_rollback(world: World, clock: Clock) -> None:
    rolled_back(world, lambda: world.registry)
    assert world.registry.aliases_ == {"dev": 1}
    clock.pass_(minutes=5)
    assert world.told() == []
    world.registry.aliases_["dev"] = 3
    assert world.told() == ["the alias dev of prices points to version 3, live is version 1"]


def test_a_registry_out_of_reach_stops_no_rollback_and_is_told(world: World, clock: Clock) -> None:
    world.registry.down = True
    rolled_back(world, lambda: world.registry)
    world.registry.down = False
    assert world.told() == [], "an alias is moved after the log says what is live"
    clock.pass_(minutes=2)
    assert world.told() == ["the alias dev of prices points to version 2, live is version 1"]


def test_while_a_deployment_is_under_way_nothing_is_judged(world: World, clock: Clock) -> None:
    one = declared(target=world.shelf)
    deployed(world.governance, one, "dev", 1)
    from mlmon_dagster.governance.roles import MACHINE
    from mlmon_dagster.lifecycle.models import register_model

    register_model(world.governance, one.pipeline, version(2), actor=MACHINE)
    asked = approved(world.governance, one, "dev", 2)
    started = open_promotion(world.governance, one, asked.id)
    world.shelf.switched.clear()
    assert world.told() == []
    advance_deployment(world.governance, started.id, "shifting", 10)
    assert world.told() == []
    finish_deployment(world.governance, started.id, "http://127.0.0.1:9")
    clock.pass_(minutes=2)
    assert len(world.told()) == 2


def test_what_cannot_be_asked_is_not_green(world: World) -> None:
    world.registry.down = True
    assert world.told() == ["the registry cannot be asked: MLflow is down"]

    class Dark(Shelf):
        def live(self, pipeline: str, environment: str, settings: Any) -> Serving | None:
            raise UnavailableError("no route to the target")

    told = replace(world, shelf=Dark(), registry=Pointers({"dev": 1})).told()
    assert told == ["the target cannot be asked: no route to the target"]
