"""Repositories at GitHub that pipelines come from: connected by an admin, known by their number."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from mlmon_dagster.governance.audit import Entry

CONNECTED, DISCONNECTED = "repository.connected", "repository.disconnected"


@dataclass(frozen=True)
class Repository:
    """A connected repository. Its number is never given to another one; its name may be."""

    id: str
    """GitHub's number, as text."""
    seq: int
    name: str
    """`owner/name`, as it is called now."""
    branch: str
    """The branch that pipelines come from."""
    connected_by: str
    connected_at: datetime
    names: tuple[str, ...] = ()
    """Every name it had here, in small letters: pipeline files may still say an older one."""

    def called(self, name: str | None) -> bool:
        """Whether the name is, or was, this repository's."""
        return name is not None and name.lower() in self.names


def repositories(entries: Iterable[Entry]) -> Mapping[str, Repository]:
    """Connected repositories by number, from the entries that connected and disconnected them, oldest first."""
    found: dict[str, Repository] = {}
    for entry in entries:
        id = entry.subject.partition("/")[2]
        if entry.action == DISCONNECTED:
            found.pop(id, None)
            continue
        name, branch = entry.data["name"], entry.data["branch"]
        before = found[id].names if id in found else ()
        names = tuple(dict.fromkeys((*before, name.lower())))
        found[id] = Repository(id, entry.seq, name, branch, entry.actor, entry.at, names)
    return found
