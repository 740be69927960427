"""Commands on members: who holds which role in which project. What one admin gives, another one confirms."""

import re
from dataclasses import replace
from datetime import timedelta

from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.people import person_of
from mlmon_dagster.governance.roles import ANYWHERE, Member, permit, person
from mlmon_dagster.governance.roles import role as role_of
from mlmon_dagster.lifecycle.governance import Act, Governance, acting, known_actor, known_names

PROPOSED_FOR = timedelta(days=1)
"""How long a proposed role waits for its second admin."""

_PROJECT = re.compile(r"\*|[a-z][a-z0-9_]{0,63}")


def grant_role(governance: Governance, name: str, role: str, *, actor: str, project: str = ANYWHERE) -> Member:
    """Proposes the role (`role.proposed`), or confirms what another admin proposed (`role.granted`).

    An admin who is the only one grants alone, which the entry says. Where nobody is an admin anywhere yet, anyone may
    make the first one, which the entry says too. Held or proposed already by the same admin, nothing changes.
    """
    id = _id(name, role, project)
    with governance.ledger.transaction() as books:
        who = known_actor(books, actor)
        first = who.kind == "person" and not _admins(Act(books, who, "", governance.now()), ANYWHERE)
        if first and (role, project) != ("admin", ANYWHERE):
            raise DeniedError("there is no admin yet", hint=f"make the first one: mlmon members grant {actor} admin")
        act = Act(books, who, "bootstrap" if first else permit(who, "admin", project), governance.now())
        known = books.one(Member, id)
        if known is not None and known.state == "proposed" and act.at - known.granted_at >= PROPOSED_FOR:
            _append(act, "role.revoked", id, name, role, project, reason="nobody confirmed it in time")
            known = None
        alone = first or not _others(act, project, known.granted_by if known else actor)
        if known is None:
            facts = {"bootstrap": first, "alone": alone}
            _append(act, "role.granted" if alone else "role.proposed", id, name, role, project, **facts)
        elif known.state == "proposed" and _another(act, known.granted_by):
            _append(act, "role.granted", id, name, role, project, proposed_by=known.granted_by)
        elif known.state == "ending" and _another(act, known.contested_by):
            _append(act, "role.kept", id, name, role, project)
        return books.find(Member, id=id)[0]


def revoke_role(governance: Governance, name: str, role: str, *, actor: str, project: str = ANYWHERE) -> Member:
    """Takes the role away (`role.revoked`) and returns what it was; the last admin of all projects stays one.

    To take it from an admin of all projects takes two of them (the bearer counts): the first call contests it
    (`role.contested`), and it is held until another admin revokes it too.
    """
    id = _id(name, role, project)
    with acting(governance, actor, "admin", project) as act:
        known = act.books.one(Member, id)
        if known is None:
            raise MissingError(f"{name} does not hold the role {role} in {spoken(project)}")
        if (role, project) == ("admin", ANYWHERE) and known.held and len(_admins(act, ANYWHERE)) == 1:
            raise BlockedError(f"{name} is the only admin of all projects", hint="make somebody else an admin first")
        if (role, project, known.state) == ("admin", ANYWHERE, "held") and _another(act, name):
            _append(act, "role.contested", id, name, role, project)
            return act.books.find(Member, id=id)[0]
        if known.state == "ending" and not _another(act, known.contested_by):
            return known
        sealed = _append(act, "role.revoked", id, name, role, project)
        return replace(known, seq=sealed)


def spoken(project: str) -> str:
    """The project in a sentence."""
    return "all projects" if project == ANYWHERE else f"the project {project}"


def _another(act: Act, name: str) -> bool:
    """Whether the actor is another person than the one called `name`."""
    names = known_names(act.books)
    return person_of(act.actor.name, names) != person_of(name, names)


def _admins(act: Act, project: str) -> set[str]:
    """The people who are admins there."""
    found = act.books.find(Member, role="admin", project=tuple({project, ANYWHERE}))
    names = known_names(act.books)
    return {person_of(one.name, names) for one in found if one.held}


def _others(act: Act, project: str, name: str) -> set[str]:
    return _admins(act, project) - {person_of(name, known_names(act.books))}


def _append(act: Act, action: str, id: str, name: str, role: str, project: str, **facts: object) -> int:
    return act.append(action, id, {"name": name, "role": role, **facts}, project=project).seq


def _id(name: str, role: str, project: str) -> str:
    if not _PROJECT.fullmatch(project):
        raise InputError(f"{project!r} is not the name of a project", hint="small letters, digits and _, or * for all")
    return f"{person(name)}/{project}/{role_of(role)}"
