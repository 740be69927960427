"""Members at a server."""

from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection, read, recorded
from mlmon_dagster.governance.people import Person
from mlmon_dagster.governance.roles import ANYWHERE, Member
from mlmon_dagster.lifecycle.desk.answers import Recorded


@dataclass(frozen=True)
class Members:
    """See `lifecycle.desk.members.Members`."""

    _at: Connection

    def list(self) -> tuple[Member, ...]:
        """Roles in the projects that are visible, in order of the grants."""
        return tuple(read(Member, one) for one in self._at.pages("/api/members"))

    def grant(self, name: str, role: str, *, project: str = ANYWHERE) -> Recorded[Member]:
        """Gives a role."""
        return self._at.change(Member, "/api/members", {"name": name, "role": role, "project": project})

    def revoke(self, name: str, role: str, *, project: str = ANYWHERE) -> Recorded[Member]:
        """Takes a role away."""
        return recorded(Member, self._at.delete("/api/members", name=name, role=role, project=project))

    def people(self) -> tuple[Person, ...]:
        """Names of people who are known under another one too."""
        return tuple(read(Person, one) for one in self._at.pages("/api/people"))

    def link(self, name: str, person: str) -> Recorded[Person]:
        """Says that two names are one person's."""
        return self._at.change(Person, "/api/people", {"name": name, "person": person})

    def unlink(self, name: str, *, reason: str) -> Recorded[Person]:
        """Takes it back."""
        return self._at.change(Person, f"/api/people/{name}/unlink", {"reason": reason})
