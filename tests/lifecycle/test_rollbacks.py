"""Putting the version before back."""

import pytest
from governed import CAST, Shelf, declared, deployed

from mlmon_dagster.errors import BlockedError, DeniedError, FailedError, InputError, MissingError
from mlmon_dagster.governance.roles import MACHINE, PERMITTED
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.queries import deployments, live_deployment
from mlmon_dagster.lifecycle.rollbacks import roll_back


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def twice(governance: Governance, shelf: Shelf) -> Governance:
    """Versions 1 and 2 were taken to prod; 2 is live."""
    for number in (1, 2):
        deployed(governance, declared(target=shelf), "prod", number)
    return governance


def back(governance: Governance, shelf: Shelf, **options: object) -> object:
    told = {"settings": None, "reason": "errors", **options}
    return roll_back(governance, declared(target=shelf).pipeline, "prod", **told)  # type: ignore[arg-type]


def states(governance: Governance) -> list[tuple[int, str]]:
    return [(one.version, one.state) for one in deployments(governance) if one.environment == "prod"]


def test_the_target_serves_the_version_before(twice: Governance, shelf: Shelf) -> None:
    back(twice, shelf)
    live = live_deployment(twice, "prices", "prod")
    assert live is not None
    assert (live.version, live.address) == (1, f"http://127.0.0.1:9/{live.id}")
    assert [one.deployment for one in shelf.started] == [one.deployment for one in shelf.switched] == [live.id]
    assert shelf.switched[0].version.uri == "models:/prices/1"
    assert states(twice) == [(1, "superseded"), (2, "rolled_back"), (1, "live")]
    twice.ledger.verify()


def test_a_version_that_does_not_start_leaves_the_live_one(twice: Governance, shelf: Shelf) -> None:
    shelf.broken = True
    with pytest.raises(FailedError, match="healthy"):
        back(twice, shelf)
    assert states(twice) == [(1, "superseded"), (2, "live"), (1, "failed")]
    shelf.broken = False
    back(twice, shelf)
    assert states(twice)[-1] == (1, "live")


def test_an_interrupted_rollback_is_taken_up_again(twice: Governance, shelf: Shelf) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    shelf.start = die  # type: ignore[assignment]
    with pytest.raises(Killed):
        back(twice, shelf)
    assert states(twice)[-1] == (1, "started")
    again = Shelf()
    back(twice, again)
    assert states(twice) == [(1, "superseded"), (2, "rolled_back"), (1, "live")]


def test_nothing_to_go_back_to_is_told(governance: Governance, shelf: Shelf) -> None:
    with pytest.raises(BlockedError, match="nothing of prices is live"):
        back(governance, shelf)
    deployed(governance, declared(target=shelf), "prod", 1)
    with pytest.raises(BlockedError, match="nothing to roll back to"):
        back(governance, shelf)
    assert shelf.started == []


def test_the_live_version_needs_no_rollback(twice: Governance, shelf: Shelf) -> None:
    entries = twice.ledger.verify()
    back(twice, shelf, version=2)
    assert twice.ledger.verify() == entries
    assert shelf.started == []


def test_a_version_that_was_never_live_there_is_refused(twice: Governance, shelf: Shelf) -> None:
    with pytest.raises(BlockedError, match="version 7"):
        back(twice, shelf, version=7)


def test_a_reason_is_needed(twice: Governance, shelf: Shelf) -> None:
    with pytest.raises(InputError, match="reason"):
        back(twice, shelf, reason=" ")


def test_an_unknown_environment_is_told(twice: Governance, shelf: Shelf) -> None:
    with pytest.raises(MissingError, match="qa"):
        roll_back(twice, declared(target=shelf).pipeline, "qa", settings=None, reason="errors")


@pytest.mark.parametrize("name", [*CAST, MACHINE])
def test_who_may_roll_back_prod(twice: Governance, shelf: Shelf, name: str) -> None:
    roles = {"machine"} if name == MACHINE else set(CAST[name])
    if roles & set(PERMITTED["rollback:prod"]):
        back(twice, shelf, actor=name)
        assert states(twice)[-1] == (1, "live")
    else:
        with pytest.raises(DeniedError):
            back(twice, shelf, actor=name)
        assert shelf.started == []
