"""Commands on people who are known under several names."""

from dataclasses import replace

from mlmon_dagster.errors import BlockedError, InputError, MissingError
from mlmon_dagster.governance.people import Person, person_of
from mlmon_dagster.governance.roles import ANYWHERE, person
from mlmon_dagster.lifecycle.governance import Governance, acting, known_names


def link_person(governance: Governance, name: str, same_as: str, *, actor: str) -> Person:
    """Says that `name` is the person `same_as` (`person.linked`): from now on both count as one."""
    if person(name) == person(same_as):
        raise InputError(f"{name} is {same_as} already: expected two names")
    with acting(governance, actor, "admin", ANYWHERE) as act:
        whole = person_of(same_as, known_names(act.books))
        known = act.books.one(Person, name)
        if known is not None and known.person == whole:
            return known
        if known is not None or whole == name or act.books.find(Person, person=name):
            raise BlockedError(f"{name} is linked already", hint=f"mlmon members unlink {name}")
        act.append("person.linked", name, {"person": whole}, project=ANYWHERE)
        return act.books.find(Person, id=name)[0]


def unlink_person(governance: Governance, name: str, *, actor: str, reason: str) -> Person:
    """Takes it back (`person.unlinked`) and returns what it was; needs a reason."""
    if not reason.strip():
        raise InputError("unlinking a person needs a reason")
    with acting(governance, actor, "admin", ANYWHERE) as act:
        known = act.books.one(Person, name)
        if known is None:
            raise MissingError(f"{name} is not linked to another name")
        sealed = act.append("person.unlinked", name, {"person": known.person, "reason": reason}, project=ANYWHERE)
        return replace(known, seq=sealed.seq)
