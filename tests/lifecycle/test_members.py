"""Who holds which role, and how the first admin comes about."""

import pytest
from governed import Clock

from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.members import grant_role, revoke_role
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
    revoke_role(governance, "root", "admin", actor="ann")


@pytest.mark.parametrize(
    ("name", "role", "project"),
    [("ann", "boss", "*"), ("machine:x", "admin", "*"), ("", "admin", "*"), ("ann", "admin", "Pricing!")],
)
def test_nonsense_is_refused(governance: Governance, name: str, role: str, project: str) -> None:
    with pytest.raises(InputError):
        grant_role(governance, name, role, actor="root", project=project)
