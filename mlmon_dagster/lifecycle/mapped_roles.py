"""The command that keeps a person's roles in step with the teams that a provider says the person is in."""

from collections.abc import Mapping

from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.roles import Member, person
from mlmon_dagster.lifecycle.governance import Governance

MAPPER = "machine:teams"
"""Who grants and revokes because of a team; what people granted it leaves alone."""


def map_roles(governance: Governance, name: str, wanted: Mapping[tuple[str, str], str]) -> tuple[Member, ...]:
    """Grants `(role, project)` for each of the person's teams (`role.granted`), and revokes what teams gave before.

    `wanted` says for each which team gives it. Returns the roles that teams give now.
    """
    with governance.ledger.transaction() as books:
        held = {(one.role, one.project): one for one in books.find(Member, name=person(name))}
        changes = [
            ("role.granted", key, {"name": name, "role": key[0], "bootstrap": False, "team": team})
            for key, team in wanted.items()
            if key not in held
        ]
        changes += [
            ("role.revoked", key, {"name": name, "role": key[0]})
            for key, one in held.items()
            if one.granted_by == MAPPER and key not in wanted
        ]
        for action, (role, project), data in changes:
            id = f"{name}/{project}/{role}"
            entry = Entry(books.next_seq, governance.now(), MAPPER, "mapping", action, project, None, None, id, data)
            books.append(entry)
        return books.find(Member, name=name, granted_by=MAPPER)
