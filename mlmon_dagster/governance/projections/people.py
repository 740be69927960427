"""What entries about roles and persons change."""

from collections.abc import Mapping

from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.people import Person
from mlmon_dagster.governance.projections.change import Change, Handler, Insert, Remove, Update, text
from mlmon_dagster.governance.roles import Member


def _proposed(entry: Entry) -> tuple[Change, ...]:
    return (Insert(_member(entry, "proposed")),)


def _granted(entry: Entry) -> tuple[Change, ...]:
    if entry.data.get("proposed_by"):
        return (Update(Member, entry.subject, {"state": "held", "confirmed_by": entry.actor}),)
    return (Insert(_member(entry, "held")),)


def _member(entry: Entry, state: str) -> Member:
    data, project = entry.data, text(entry.project)
    return Member(entry.subject, entry.seq, data["name"], data["role"], project, entry.actor, entry.at, state)


def _ending(entry: Entry) -> tuple[Change, ...]:
    return (Update(Member, entry.subject, {"state": "ending", "contested_by": entry.actor}),)


def _kept(entry: Entry) -> tuple[Change, ...]:
    return (Update(Member, entry.subject, {"state": "held", "contested_by": ""}),)


def _revoked(entry: Entry) -> tuple[Change, ...]:
    return (Remove(Member, entry.subject),)


def _linked(entry: Entry) -> tuple[Change, ...]:
    return (Insert(Person(entry.subject, entry.seq, entry.data["person"], entry.actor, entry.at)),)


def _unlinked(entry: Entry) -> tuple[Change, ...]:
    return (Remove(Person, entry.subject),)


ACTIONS: Mapping[str, Handler] = {
    "role.proposed": _proposed,
    "role.granted": _granted,
    "role.contested": _ending,
    "role.kept": _kept,
    "role.revoked": _revoked,
    "person.linked": _linked,
    "person.unlinked": _unlinked,
}
