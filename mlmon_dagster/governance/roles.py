"""The six roles, the machine, and the one table that says what each of them may do."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mlmon_dagster.errors import DeniedError, InputError
from mlmon_dagster.plugins import unknown

ROLES = ("ml_engineer", "data_engineer", "production_team", "monitoring_team", "model_sponsor", "admin")
"""Roles that people hold, in one project or in all of them."""

MACHINE = "machine:dagster"
"""The identity under which stages and sensors act."""

GITHUB_HOOK, CLOUDWATCH_HOOK = "machine:github", "machine:cloudwatch"
"""The identities under which webhooks report what GitHub and CloudWatch told them."""

MACHINES = (MACHINE, GITHUB_HOOK, CLOUDWATCH_HOOK)

ANYWHERE = "*"
"""The project of a role that is held in every project."""

PERMITTED: Mapping[str, tuple[str, ...]] = {
    "see": (*ROLES, "machine"),
    "create": ("ml_engineer", "data_engineer", "admin", "machine"),
    "request:dev": ("ml_engineer", "data_engineer", "admin", "machine"),
    "request:staging": ("ml_engineer", "data_engineer", "production_team", "admin", "machine"),
    "request:prod": ("ml_engineer", "data_engineer", "production_team", "admin"),
    "deploy:dev": ("ml_engineer", "data_engineer", "admin", "machine"),
    "deploy:staging": ("production_team", "admin", "machine"),
    "deploy:prod": ("admin", "machine"),
    "approve": ("production_team", "model_sponsor", "admin"),
    "rollback:dev": ("ml_engineer", "data_engineer", "production_team", "admin", "machine"),
    "rollback:staging": ("production_team", "admin", "machine"),
    "rollback:prod": ("production_team", "admin", "machine"),
    "report": ("production_team", "admin", "machine"),
    "expire": ("admin", "machine"),
    "alerts": ("monitoring_team", "admin", "machine"),
    "lock": ("production_team", "admin", "machine"),
    "unlock": ("production_team", "admin"),
    "admin": ("admin",),
}
"""Permission -> the roles that have it (requirement A.11). `request` asks for a promotion, `deploy` carries it out.

`machine` is not a role that can be granted: it may carry out what a gate has opened and report what it saw,
but it neither approves, nor asks for prod, nor unlocks, nor grants.
"""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")


@dataclass(frozen=True)
class Member:
    """A role that a person holds, in one project or anywhere."""

    id: str
    seq: int
    name: str
    role: str
    project: str
    granted_by: str
    granted_at: datetime
    state: str = "held"
    """`proposed` until another admin confirms it, `held`, or `ending` while its revocation waits for another admin."""
    confirmed_by: str = ""
    """The second admin; empty where the first one was alone."""
    contested_by: str = ""
    """The admin who wants the role to end."""

    @property
    def held(self) -> bool:
        """Whether the person has the role now."""
        return self.state != "proposed"


@dataclass(frozen=True)
class Actor:
    """A person or machine that acts, with the roles it holds by project."""

    name: str
    kind: Literal["person", "machine"]
    grants: frozenset[tuple[str, str]] = frozenset()
    """`(role, project)`; the project `*` stands for all of them."""

    def roles(self, project: str) -> frozenset[str]:
        """Roles held in `project`; an actor that is a machine holds only `machine`."""
        if self.kind == "machine":
            return frozenset({"machine"})
        return frozenset(role for role, where in self.grants if where in (project, ANYWHERE))


def actor(name: str, members: Iterable[Member]) -> Actor:
    """The actor called `name` with the roles that `members` give to it."""
    if name in MACHINES:
        return Actor(name, "machine")
    grants = frozenset((member.role, member.project) for member in members if member.name == name and member.held)
    return Actor(person(name), "person", grants)


def person(name: str) -> str:
    """`name` itself; `InputError` when it cannot be a person's name (names of machines contain a colon)."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a person",
            hint="letters, digits and . _ @ + - are possible, up to 100 of them, starting with a letter or digit",
        )
    return name


def role(name: str) -> str:
    """`name` itself; `InputError` names the six roles when it is none of them."""
    if name not in ROLES:
        raise InputError(unknown("role", name, ROLES))
    return name


def permit(who: Actor, permission: str, project: str) -> str:
    """The role under which `who` may do this in `project`; `DeniedError` says who could.

    >>> permit(Actor("ann", "person", frozenset({("model_sponsor", "*")})), "approve", "pricing")
    'model_sponsor'
    """
    held = who.roles(project)
    for permitted in PERMITTED[permission]:
        if permitted in held:
            return permitted
    raise DeniedError(
        f"{who.name} may not {spoken(permission)} in the project {project}: "
        f"holds {', '.join(sorted(held)) or 'no role'}, this takes {' or '.join(people(permission))}",
        hint=f"an admin can grant a role: mlmon members grant {who.name} ROLE" if who.kind == "person" else None,
    )


def people(permission: str) -> tuple[str, ...]:
    """The roles of people that have the permission."""
    return tuple(name for name in PERMITTED[permission] if name != "machine")


def spoken(permission: str) -> str:
    """The permission as part of a sentence.

    >>> spoken("request:prod")
    'request a promotion to prod'
    """
    verb, _, environment = permission.partition(":")
    return _SPOKEN[verb].format(environment=environment)


_SPOKEN = {
    "see": "look",
    "create": "register a model",
    "request": "request a promotion to {environment}",
    "deploy": "deploy to {environment}",
    "approve": "approve or reject a promotion",
    "rollback": "roll back {environment}",
    "report": "report findings of tests and commit statuses",
    "expire": "expire promotions",
    "alerts": "raise, acknowledge or resolve alerts",
    "lock": "lock a stage",
    "unlock": "unlock a stage",
    "admin": "grant or revoke roles",
}
