"""Members at a desk."""

from dataclasses import dataclass

from mlmon_dagster.governance.people import Person
from mlmon_dagster.governance.roles import ANYWHERE, Member
from mlmon_dagster.lifecycle import members as commands
from mlmon_dagster.lifecycle import queries
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing
from mlmon_dagster.lifecycle.people import link_person, unlink_person


@dataclass(frozen=True)
class Members:
    """Who holds which role."""

    _at: Standing

    def list(self) -> tuple[Member, ...]:
        """Roles in the projects that are visible, and those held everywhere, in order of the grants."""
        with self._at.governance.ledger.read() as reading:
            found = reading.find(Member)
        return tuple(one for one in found if one.project == ANYWHERE or self._at.sees(one.project))

    def grant(self, name: str, role: str, *, project: str = ANYWHERE) -> Recorded[Member]:
        """See `lifecycle.members.grant_role`."""
        found = commands.grant_role(self._at.governance, name, role, actor=self._at.actor, project=project)
        return self._at.recorded(found)

    def revoke(self, name: str, role: str, *, project: str = ANYWHERE) -> Recorded[Member]:
        """See `lifecycle.members.revoke_role`."""
        found = commands.revoke_role(self._at.governance, name, role, actor=self._at.actor, project=project)
        return self._at.recorded(found)

    def people(self) -> tuple[Person, ...]:
        """Names of people who are known under another one too."""
        return queries.people(self._at.governance)

    def link(self, name: str, person: str) -> Recorded[Person]:
        """See `lifecycle.people.link_person`."""
        return self._at.recorded(link_person(self._at.governance, name, person, actor=self._at.actor))

    def unlink(self, name: str, *, reason: str) -> Recorded[Person]:
        """See `lifecycle.people.unlink_person`."""
        return self._at.recorded(unlink_person(self._at.governance, name, actor=self._at.actor, reason=reason))
