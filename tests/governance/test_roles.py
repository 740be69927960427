"""Every cell of the table of roles."""

import pytest
from governed import START

from mlmon_dagster.errors import DeniedError, InputError
from mlmon_dagster.governance.roles import MACHINE, PERMITTED, ROLES, Actor, Member, actor, people, permit, spoken

MATRIX = """
                 create  deploy:dev  deploy:staging  deploy:prod  approve  admin  alerts  rollback:prod  unlock
ml_engineer        x         x             -              -          -       -      -          -           -
data_engineer      x         x             -              -          -       -      -          -           -
production_team    -         -             x              -          x       -      -          x           x
monitoring_team    -         -             -              -          -       -      x          -           -
model_sponsor      -         -             -              -          x       -      -          -           -
admin              x         x             x              x          x       x      x          x           x
machine            x         x             x              x          -       -      x          x           -
"""
"""Requirement A.11, word for word in its six columns, and what this product adds."""

ROWS = [line.split() for line in MATRIX.strip().splitlines()]
CELLS = [
    (row[0], permission, mark == "x") for row in ROWS[1:] for permission, mark in zip(ROWS[0], row[1:], strict=True)
]


def holder(role: str) -> Actor:
    return Actor(MACHINE, "machine") if role == "machine" else Actor("ann", "person", frozenset({(role, "pricing")}))


@pytest.mark.parametrize(("role", "permission", "permitted"), CELLS)
def test_the_matrix_holds_in_every_cell(role: str, permission: str, permitted: bool) -> None:
    if permitted:
        assert permit(holder(role), permission, "pricing") == role
    else:
        with pytest.raises(DeniedError):
            permit(holder(role), permission, "pricing")


def test_the_matrix_names_every_role() -> None:
    assert [row[0] for row in ROWS[1:]] == [*ROLES, "machine"]
    assert {role for roles in PERMITTED.values() for role in roles} == {*ROLES, "machine"}


@pytest.mark.parametrize("role", ROLES)
def test_who_may_deploy_to_an_environment_never_follows_from_who_may_approve(role: str) -> None:
    assert role == "admin" or not (role in PERMITTED["approve"] and role in PERMITTED["deploy:prod"])


@pytest.mark.parametrize("permission", ["request:prod", "approve", "unlock", "admin"])
def test_the_machine_decides_nothing(permission: str) -> None:
    with pytest.raises(DeniedError):
        permit(Actor(MACHINE, "machine"), permission, "pricing")


@pytest.mark.parametrize("permission", PERMITTED)
def test_who_holds_no_role_may_do_nothing(permission: str) -> None:
    with pytest.raises(DeniedError, match="ann may not") as refusal:
        permit(Actor("ann", "person"), permission, "pricing")
    assert all(role in refusal.value.message for role in people(permission))
    assert spoken(permission) in refusal.value.message


def test_a_role_counts_in_its_own_project_only() -> None:
    here = Actor("ann", "person", frozenset({("admin", "pricing")}))
    assert permit(here, "admin", "pricing") == "admin"
    with pytest.raises(DeniedError):
        permit(here, "admin", "churn")


def test_an_actor_holds_the_roles_of_its_own_name() -> None:

    members = [
        Member("1", 1, "ann", "admin", "*", "root", START),
        Member("2", 2, "bob", "ml_engineer", "*", "root", START),
    ]
    assert actor("bob", members).roles("pricing") == {"ml_engineer"}
    assert actor(MACHINE, members).roles("pricing") == {"machine"}


@pytest.mark.parametrize("name", ["machine:other", "", "a b", "ann\n", "-ann", "a" * 101, "änn\udc80"])
def test_a_name_that_no_person_has_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        actor(name, [])
