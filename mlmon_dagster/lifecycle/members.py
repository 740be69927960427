"""Commands on members: who holds which role in which project."""

import re
from dataclasses import replace

from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.roles import ANYWHERE, Member, permit, person
from mlmon_dagster.governance.roles import role as role_of
from mlmon_dagster.lifecycle.governance import Act, Governance, acting, known_actor

_PROJECT = re.compile(r"\*|[a-z][a-z0-9_]{0,63}")


def grant_role(governance: Governance, name: str, role: str, *, actor: str, project: str = ANYWHERE) -> Member:
    """Gives the role (`role.granted`); held already, nothing changes.

    Only admins grant. Where nobody is an admin anywhere yet, anyone may make the first one, which the entry says.
    """
    id = _id(name, role, project)
    with governance.ledger.transaction() as books:
        who = known_actor(books, actor)
        first = who.kind == "person" and not books.find(Member, role="admin", project=ANYWHERE)
        if first and (role, project) != ("admin", ANYWHERE):
            raise DeniedError("there is no admin yet", hint=f"make the first one: mlmon members grant {actor} admin")
        held = "bootstrap" if first else permit(who, "admin", project)
        if books.one(Member, id) is None:
            data = {"name": name, "role": role, "bootstrap": first}
            Act(books, who, held, governance.now()).append("role.granted", id, data, project=project)
        return books.find(Member, id=id)[0]


def revoke_role(governance: Governance, name: str, role: str, *, actor: str, project: str = ANYWHERE) -> Member:
    """Takes the role away (`role.revoked`) and returns what it was; the last admin of all projects stays one."""
    id = _id(name, role, project)
    with acting(governance, actor, "admin", project) as act:
        known = act.books.one(Member, id)
        if known is None:
            raise MissingError(f"{name} does not hold the role {role} in {spoken(project)}")
        if (role, project) == ("admin", ANYWHERE) and len(act.books.find(Member, role=role, project=project)) == 1:
            raise BlockedError(f"{name} is the only admin of all projects", hint="make somebody else an admin first")
        sealed = act.append("role.revoked", id, {"name": name, "role": role}, project=project)
        return replace(known, seq=sealed.seq)


def spoken(project: str) -> str:
    """The project in a sentence."""
    return "all projects" if project == ANYWHERE else f"the project {project}"


def _id(name: str, role: str, project: str) -> str:
    if not _PROJECT.fullmatch(project):
        raise InputError(f"{project!r} is not the name of a project", hint="small letters, digits and _, or * for all")
    return f"{person(name)}/{project}/{role_of(role)}"
