"""Which deployment a rollback goes back to."""

from dataclasses import replace
from datetime import timedelta

from governed import START

from mlmon_dagster.governance.deployments import Deployment, rollback_to

ONE = Deployment(
    "d-1", 1, "p-1", "prices", "pricing", "prod", 1, "1" * 64, "local", "direct", "superseded", None, START, "m"
)


def history(*steps: tuple[int, str]) -> list[Deployment]:
    return [
        replace(ONE, id=f"d-{place}", version=version, state=state, started_at=START + timedelta(hours=place))
        for place, (version, state) in enumerate(steps)
    ]


def goal(*steps: tuple[int, str], version: int | None = None) -> str | None:
    told = history(*steps)
    live = next(one for one in told if one.state == "live")
    found = rollback_to(live, told, version)
    return found.id if found else None


def test_it_goes_to_the_version_that_was_live_last() -> None:
    assert goal((1, "superseded"), (2, "superseded"), (3, "live")) == "d-1"


def test_a_first_deployment_has_nothing_behind_it() -> None:
    assert goal((1, "live")) is None


def test_a_failed_deployment_was_never_live() -> None:
    assert goal((1, "superseded"), (2, "failed"), (3, "live")) == "d-0"
    assert goal((2, "failed"), (3, "live"), version=2) is None


def test_a_second_rollback_goes_further_back_and_not_forward_again() -> None:
    assert goal((1, "superseded"), (2, "superseded"), (3, "rolled_back"), (2, "live")) == "d-0"


def test_a_version_that_was_rolled_back_must_be_asked_for_by_number() -> None:
    steps = ((1, "superseded"), (2, "rolled_back"), (1, "live"))
    assert goal(*steps) is None
    assert goal(*steps, version=2) == "d-1"
