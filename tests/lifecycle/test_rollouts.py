"""A deployment on its way through its steps: it ends live or rolled back, also when who carries it out is killed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from governed import Clock, Declared, Shelf, approved, changed, declared, deployed, version

from mlmon_dagster.errors import BlockedError, FailedError
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.deployments import advance_deployment, fail_deployment, open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.queries import deployments, live_deployment, promotion
from mlmon_dagster.lifecycle.rollbacks import roll_back
from mlmon_dagster.lifecycle.rollouts import Rollout, placement_of
from mlmon_dagster.pipeline.serving import RealtimeInferencing
from mlmon_dagster.ports import Placement, Traffic

WATCHED = 60


class Killed(BaseException):
    """The process ends here, whatever it was doing."""


def canary(shelf: Shelf, **options: Any) -> Declared:
    """The pipeline with a canary in dev."""
    made = declared(target=shelf)
    told = {"strategy": "canary", "steps": (10, 50, 100), "watch_seconds": WATCHED, **options}
    dev = replace(made.pipeline.stages.model_deployment.dev, **told)  # type: ignore[type-var]
    return Declared(changed(made, "model_deployment", dev=dev).pipeline)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def once(governance: Governance, shelf: Shelf) -> Governance:
    """Version 1 is live in dev."""
    deployed(governance, canary(shelf), "dev", 1)
    register_model(governance, canary(shelf).pipeline, version(2), actor=MACHINE)
    return governance


def rollout(governance: Governance, shelf: Shelf, clock: Clock, check: Any = None, **options: Any) -> Rollout:
    """Version 2 on its way into dev: the one that is under way, or a new one."""
    one = canary(shelf, **options)
    under_way = [each for each in deployments(governance, "prices") if each.version == 2]
    started = under_way[-1] if under_way else open_promotion(governance, one, approved(governance, one, "dev", 2).id)
    placement = Placement(started.id, "prices", "dev", version(2), started.strategy)
    return Rollout(
        governance, started, placement, one.pipeline.stages.model_deployment.dev, None,  # type: ignore[arg-type]
        check=check or (lambda serving: {}), log=lambda text: None, wait=lambda seconds: clock.pass_(seconds=seconds),
    )  # fmt: skip


def states(governance: Governance) -> dict[int, str]:
    return {one.version: one.state for one in deployments(governance, "prices")}


def steps(governance: Governance, id: str) -> list[tuple[str, int]]:
    with governance.ledger.read() as reading:
        lines = reading.entries(subject=id, action="deployment.advanced")
    return [(line.entry.data["state"], line.entry.data["share"]) for line in lines]


def test_each_step_is_recorded_shifted_and_watched(once: Governance, shelf: Shelf, clock: Clock) -> None:
    began = clock()
    way = rollout(once, shelf, clock)
    _, facts = way.carry_out()
    assert [(one.deployment, shift.share) for one, shift in shelf.shifted] == [
        (way.placement.deployment, share) for share in (10, 50, 100)
    ]
    assert steps(once, way.placement.deployment) == [
        ("green_up", 0),
        ("shifting", 10),
        ("shifting", 50),
        ("shifting", 100),
    ]
    assert states(once) == {1: "superseded", 2: "live"}
    assert (clock() - began).total_seconds() == pytest.approx(3 * WATCHED, abs=2)
    assert facts["shifting_10.requests"] == 0
    once.ledger.verify()


def test_a_shadow_comes_before_the_shares(once: Governance, shelf: Shelf, clock: Clock) -> None:
    way = rollout(once, shelf, clock, steps=("shadow", 100), sticky="x-customer")
    way.carry_out()
    assert [(shift.shadows, shift.share, shift.sticky) for _, shift in shelf.shifted] == [
        (True, 0, "x-customer"), (False, 100, "x-customer")
    ]  # fmt: skip
    assert steps(once, way.placement.deployment) == [("green_up", 0), ("shadowing", 0), ("shifting", 100)]


def test_the_first_version_of_an_environment_has_nobody_to_share_with(
    governance: Governance, shelf: Shelf, clock: Clock
) -> None:
    register_model(governance, canary(shelf).pipeline, version(2), actor=MACHINE)
    rollout(governance, shelf, clock).carry_out()
    assert [shift.share for _, shift in shelf.shifted] == [100]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"tripped": "7 of 20 requests failed"}, "7 of 20 requests failed"),
        ({"requests": 10, "failed": 1}, "1 of 10 requests failed at shifting 10 %"),
        ({"status": "stopped"}, "version 2 is stopped"),
    ],
)
def test_a_version_that_does_not_do_is_rolled_back(
    once: Governance, shelf: Shelf, clock: Clock, wrong: dict[str, Any], reason: str
) -> None:
    way = rollout(once, shelf, clock)
    id = way.placement.deployment
    shelf.seen[id] = replace(Traffic(id, 2, "candidate", 10, "healthy"), **wrong)
    with pytest.raises(FailedError, match=f"{id} was rolled back: {reason}") as caught:
        way.carry_out()
    assert caught.value.hint == "rolled back: version 1 stays live"
    assert states(once) == {1: "live", 2: "rolled_back"}
    assert shelf.stopped == [id]
    assert promotion(once, str(way.deployment.promotion)).state == "failed"
    once.ledger.verify()


def test_a_version_that_is_unwell_for_a_moment_is_not_rolled_back(once: Governance, shelf: Shelf, clock: Clock) -> None:
    way = rollout(once, shelf, clock)
    id = way.placement.deployment
    unwell = Traffic(id, 2, "candidate", 10, "unhealthy")
    shelf.seen[id] = unwell
    recovers = iter([False] * 10 + [True])

    def wait(seconds: float) -> None:
        clock.pass_(seconds=seconds)
        if next(recovers, True):
            shelf.seen.pop(id, None)

    replace(way, wait=wait).carry_out()
    assert states(once)[2] == "live"


def test_a_version_that_fails_its_check_never_gets_traffic(once: Governance, shelf: Shelf, clock: Clock) -> None:
    def check(serving: object) -> dict[str, Any]:
        raise FailedError("it cannot be asked")

    with pytest.raises(FailedError, match=r"deployment-\d+ failed: it cannot be asked"):
        rollout(once, shelf, clock, check).carry_out()
    assert shelf.shifted == []
    assert states(once) == {1: "live", 2: "failed"}


def test_too_few_callers_are_made_up_for_by_checks(once: Governance, shelf: Shelf, clock: Clock) -> None:
    checked: list[object] = []

    def check(serving: object) -> dict[str, Any]:
        checked.append(serving)
        return {}

    rollout(once, shelf, clock, check).carry_out()
    assert len(checked) == 1 + 3


def test_where_enough_called_no_checks_are_made(once: Governance, shelf: Shelf, clock: Clock) -> None:
    checked: list[object] = []

    def check(serving: object) -> dict[str, Any]:
        checked.append(serving)
        return {}

    way = rollout(once, shelf, clock, check)
    id = way.placement.deployment
    shelf.seen[id] = Traffic(id, 2, "candidate", 10, "healthy", requests=500, failed=3)
    way.carry_out()
    assert len(checked) == 1


def test_a_rollback_withdraws_what_is_on_its_way(once: Governance, shelf: Shelf, clock: Clock) -> None:
    way = rollout(once, shelf, clock)
    told: list[Deployment] = []

    def wait(seconds: float) -> None:
        clock.pass_(seconds=seconds)
        if not told:
            pipeline = canary(shelf).pipeline
            told.append(roll_back(once, pipeline, "dev", settings=None, reason="looks odd", actor="mia"))

    with pytest.raises(BlockedError, match="rolled_back: looks odd"):
        replace(way, wait=wait).carry_out()
    assert told[0].version == 1
    assert states(once) == {1: "live", 2: "rolled_back"}
    assert shelf.stopped == [way.placement.deployment]
    once.ledger.verify()


def test_nobody_takes_a_step_back_or_goes_on_after_the_end(once: Governance, shelf: Shelf, clock: Clock) -> None:
    id = rollout(once, shelf, clock).placement.deployment
    advance_deployment(once, id, "shifting", 50)
    entries = once.ledger.verify()[0]
    assert advance_deployment(once, id, "shifting", 50).share == 50
    with pytest.raises(BlockedError, match="is at shifting 50 % already"):
        advance_deployment(once, id, "shifting", 10)
    assert once.ledger.verify()[0] == entries
    fail_deployment(once, id, "enough")
    with pytest.raises(BlockedError, match="is rolled_back, no longer under way"):
        advance_deployment(once, id, "shifting", 100)


def _calls(shelf: Shelf, governance: Governance, before: Callable[[], None]) -> Iterator[None]:
    """Every call to the target and every command on the ledger asks `before` first, and again when it is done."""
    for owner, name in [(shelf, "start"), (shelf, "shift"), (shelf, "switch"), (shelf, "stop")]:
        plain = getattr(owner, name)

        def wrapped(*arguments: Any, plain: Any = plain) -> Any:
            before()
            result = plain(*arguments)
            before()
            return result

        setattr(owner, name, wrapped)
    yield


@pytest.mark.parametrize("tripped", [False, True])
@pytest.mark.parametrize("point", range(1, 13))
def test_killed_at_any_point_and_taken_up_again_it_ends_live_or_rolled_back(
    once: Governance, shelf: Shelf, clock: Clock, point: int, tripped: bool
) -> None:
    way = rollout(once, shelf, clock)
    id = way.placement.deployment
    count = iter(range(1, 1000))

    def before() -> None:
        if next(count) == point:
            raise Killed

    next(_calls(shelf, once, before))
    if tripped:
        shelf.seen[id] = Traffic(id, 2, "candidate", 10, "healthy", tripped="too many failed")
    for _ in range(3):  # whoever carries it out next
        try:
            rollout(once, shelf, clock).carry_out()
            break
        except (Killed, FailedError):
            if states(once)[2] not in ("started", "green_up", "shadowing", "shifting"):
                break
    assert states(once) == ({1: "live", 2: "rolled_back"} if tripped else {1: "superseded", 2: "live"})
    live = live_deployment(once, "prices", "dev")
    assert live is not None
    assert live.version == (1 if tripped else 2)
    once.ledger.verify()


def test_an_environment_may_keep_predictions_otherwise_than_the_others(shelf: Shelf, once: Governance) -> None:
    one = canary(shelf, durability="process", when_full="fail_open")
    started = open_promotion(once, one, approved(once, one, "dev", 2).id)
    declared = placement_of(one.pipeline, started, version(2)).serving
    assert (declared.durability, declared.when_full, declared.sample) == ("process", "fail_open", 1.0)
    plain = canary(shelf)
    assert placement_of(plain.pipeline, started, version(2)).serving == RealtimeInferencing()
