"""The audit log at a desk."""

from dataclasses import dataclass
from typing import Any

from mlmon_dagster.errors import MissingError, TamperedError
from mlmon_dagster.governance.audit import Sealed
from mlmon_dagster.lifecycle.desk.standing import Standing, having
from mlmon_dagster.lifecycle.proofs import prove


@dataclass(frozen=True)
class Verification:
    """Whether the whole log is what was recorded."""

    valid: bool
    entries: int
    hash: str
    """Of the last entry; empty when it is not valid."""
    message: str = ""
    seq: int | None = None
    """The first entry that is missing, out of place or changed."""


@dataclass(frozen=True)
class Audit:
    """Entries of the projects that are visible."""

    _at: Standing

    def list(
        self,
        pipeline: str | None = None,
        action: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        *,
        newest: int = 50,
        before: int | None = None,
    ) -> tuple[Sealed, ...]:
        """The newest entries (of those with a smaller number than `before`), oldest first."""
        projects = self._at.projects
        where = having(project=projects, pipeline=pipeline, action=action, actor=actor, subject=subject)
        with self._at.governance.ledger.read() as reading:
            return reading.entries(newest=newest, before=before, **where)

    def get(self, seq: int) -> Sealed:
        """One entry; raises `MissingError`."""
        with self._at.governance.ledger.read() as reading:
            found = reading.line(seq)
        if not self._visible(found):
            raise MissingError(f"the audit log has no entry {seq}")
        return found

    def prove(self, seq: int) -> dict[str, Any]:
        """The document that shows anybody with `mlmon_verify.py` that the entry is in the signed log."""
        self.get(seq)
        notary = self._at.premises.notary
        if notary is None:
            raise MissingError("nothing signs the audit log here: there is no proof of an entry")
        return prove(self._at.governance.ledger, notary, seq, self._at.governance.now()).document

    def verify(self) -> Verification:
        """Walks the whole log: chain, head and every projection."""
        self._at.require("see")
        try:
            length, last = self._at.governance.ledger.verify()
        except TamperedError as error:
            return Verification(False, error.seq - 1, "", error.message, error.seq)
        return Verification(True, length, last)

    def _visible(self, line: Sealed) -> bool:
        return not self._at.confined or self._at.sees(_project(line.entry))


def _project(entry: Any) -> str | None:
    return None if entry.project is None else str(entry.project)
