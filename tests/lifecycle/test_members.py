"""Who holds which role, and how the first admin comes about."""

import pytest
from governed import Clock

from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.governance import Governance, known_actor
from mlmon_dagster.lifecycle.members import grant_role, revoke_role
from mlmon_dagster.lifecycle.people import link_person, unlink_person
from mlmon_dagster.lifecycle.queries import members


@pytest.fixture
def empty(database: Database, clock: Clock) -> Governance:
    return Governance(database.ledger, database.judgements, database.metrics, clock)


def test_the_first_admin_is_made_by_anyone_and_the_entry_says_so(empty: Governance) -> None:
    grant_role(empty, "ann", "admin", actor="ann")
    with empty.ledger.read() as reading:
        entry = reading.line(1).entry
    assert (entry.role, entry.data["bootstrap"]) == ("bootstrap", True)
    with pytest.raises(DeniedError):
        grant_role(empty, "eve", "admin", actor="eve")


@pytest.mark.parametrize(("role", "project"), [("ml_engineer", "*"), ("admin", "pricing")])
def test_before_the_first_admin_nothing_else_is_granted(empty: Governance, role: str, project: str) -> None:
    with pytest.raises(DeniedError, match="no admin yet"):
        grant_role(empty, "ann", role, actor="ann", project=project)


def test_a_machine_never_makes_the_first_admin(empty: Governance) -> None:
    with pytest.raises(DeniedError):
        grant_role(empty, "ann", "admin", actor=MACHINE)


def test_an_admin_of_a_project_grants_there_only(empty: Governance) -> None:
    grant_role(empty, "root", "admin", actor="root")
    grant_role(empty, "ann", "admin", actor="root", project="pricing")
    assert grant_role(empty, "bob", "ml_engineer", actor="ann", project="pricing").granted_by == "ann"
    assert grant_role(empty, "bob", "ml_engineer", actor="root", project="pricing").confirmed_by == "root"
    for project in ("churn", "*"):
        with pytest.raises(DeniedError):
            grant_role(empty, "bob", "ml_engineer", actor="ann", project=project)


def test_granting_twice_records_once(governance: Governance) -> None:
    entries = governance.ledger.verify()
    grant_role(governance, "mia", "ml_engineer", actor="root")
    assert governance.ledger.verify() == entries


def test_a_revoked_role_is_gone(governance: Governance) -> None:
    revoke_role(governance, "mia", "ml_engineer", actor="root")
    assert "mia" not in [member.name for member in members(governance)]
    with pytest.raises(MissingError):
        revoke_role(governance, "mia", "ml_engineer", actor="root")


def test_the_last_admin_stays(governance: Governance) -> None:
    with pytest.raises(BlockedError, match="only admin"):
        revoke_role(governance, "root", "admin", actor="root")
    grant_role(governance, "ann", "admin", actor="root")
    revoke_role(governance, "root", "admin", actor="root")
    with pytest.raises(BlockedError, match="only admin"):
        revoke_role(governance, "ann", "admin", actor="ann")


@pytest.fixture
def two(governance: Governance) -> Governance:
    """A second admin, made by the first while it was the only one."""
    assert grant_role(governance, "ada", "admin", actor="root").held
    return governance


def held(governance: Governance, name: str) -> set[str]:
    with governance.ledger.read() as reading:
        return set(known_actor(reading, name).roles("pricing"))


def test_what_one_admin_grants_is_held_once_another_confirms_it(two: Governance) -> None:
    proposed = grant_role(two, "eve", "production_team", actor="root")
    assert (proposed.state, held(two, "eve")) == ("proposed", set())
    assert grant_role(two, "eve", "production_team", actor="root") == proposed
    granted = grant_role(two, "eve", "production_team", actor="ada")
    assert (granted.state, granted.granted_by, granted.confirmed_by) == ("held", "root", "ada")
    assert held(two, "eve") == {"production_team"}
    two.ledger.verify()


def test_nobody_confirms_an_own_proposal_under_another_name(two: Governance) -> None:
    link_person(two, "ada", "root", actor="root")
    assert grant_role(two, "eve", "admin", actor="root").held, "the only admin person decides alone"
    unlink_person(two, "ada", actor="root", reason="a mistake")
    grant_role(two, "bob", "admin", actor="root")
    link_person(two, "ada", "root", actor="root")
    assert not grant_role(two, "bob", "admin", actor="ada").held
    assert grant_role(two, "bob", "admin", actor="eve").held


def test_an_admin_gives_no_role_to_itself_alone(two: Governance) -> None:
    assert not grant_role(two, "root", "production_team", actor="root").held
    assert held(two, "root") == {"admin"}


def test_a_proposal_that_nobody_confirms_in_a_day_begins_anew(two: Governance, clock: Clock) -> None:
    grant_role(two, "eve", "admin", actor="root")
    clock.pass_(days=1)
    assert grant_role(two, "eve", "admin", actor="ada").state == "proposed"
    assert grant_role(two, "eve", "admin", actor="root").held


def test_a_proposal_is_taken_back_by_any_admin(two: Governance) -> None:
    grant_role(two, "eve", "admin", actor="root")
    revoke_role(two, "eve", "admin", actor="ada")
    assert "eve" not in [member.name for member in members(two)]


def test_to_take_an_admins_role_takes_two(two: Governance) -> None:
    for _ in range(2):
        assert revoke_role(two, "ada", "admin", actor="root").state == "ending"
    assert held(two, "ada") == {"admin"}
    revoke_role(two, "ada", "admin", actor="ada")
    assert held(two, "ada") == set()


def test_an_admin_whose_role_is_contested_may_keep_it(two: Governance) -> None:
    revoke_role(two, "ada", "admin", actor="root")
    assert grant_role(two, "ada", "admin", actor="root").state == "ending"
    assert grant_role(two, "ada", "admin", actor="ada").state == "held"
    two.ledger.verify()


@pytest.mark.parametrize(
    ("name", "role", "project"),
    [("ann", "boss", "*"), ("machine:x", "admin", "*"), ("", "admin", "*"), ("ann", "admin", "Pricing!")],
)
def test_nonsense_is_refused(governance: Governance, name: str, role: str, project: str) -> None:
    with pytest.raises(InputError):
        grant_role(governance, name, role, actor="root", project=project)
