"""Proofs that an entry is in the signed log, to be verified by anybody who has the public key."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlmon_dagster.errors import InputError, TamperedError
from mlmon_dagster.governance.audit import Sealed, walk
from mlmon_dagster.governance.merkle import consistency_proof, inclusion_proof, root_of
from mlmon_dagster.lifecycle.checkpoints import Notary, write_checkpoint
from mlmon_dagster.ports import Ledger


@dataclass(frozen=True)
class Proof:
    """An entry, the signed checkpoint that covers it, and the nodes between the two."""

    line: Sealed
    note: str
    size: int
    inclusion: tuple[bytes, ...]
    since: int | None = None
    """A size that the log had before; `consistency` shows that the log still begins with those entries."""
    since_root: bytes = b""
    consistency: tuple[bytes, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """What `mlmon_verify.py` reads."""
        grown = {
            "since": self.since,
            "since_root": self.since_root.hex(),
            "consistency": [node.hex() for node in self.consistency],
        }
        return {
            "entry": json.loads(self.line.payload),
            "payload": self.line.payload.decode(),
            "size": self.size,
            "inclusion": [node.hex() for node in self.inclusion],
            "checkpoint": self.note,
            **(grown if self.since is not None else {}),
        }


def prove(ledger: Ledger, notary: Notary, seq: int, now: datetime, *, since: int | None = None) -> Proof:
    """Proves the entry `seq` with the newest checkpoint; one that covers it is written if there is none yet.

    Raises `MissingError` for an entry that is not there, `TamperedError` when the log is not the one that was signed.
    """
    with ledger.read() as reading:
        line = reading.line(seq)
    newest, text = notary.newest(), notary.stores[0].newest()
    if newest is None or text is None or newest.size < seq:
        newest, text = write_checkpoint(ledger, notary, now)
    leaves = _leaves(ledger, newest.size)
    if root_of(leaves) != newest.tree.root:
        raise TamperedError(
            f"the log is not the one that was signed with {newest.size} entries",
            seq=1,
            hint="mlmon audit verify names the first entry that was changed",
        )
    grown: tuple[Any, ...] = ()
    if since is not None:
        if not 0 <= since <= newest.size:
            raise InputError(f"the signed log has {newest.size} entries, it never had {since} before")
        grown = since, root_of(leaves[:since]), consistency_proof(leaves, since)
    return Proof(line, text, newest.size, inclusion_proof(leaves, seq - 1), *grown)


def _leaves(ledger: Ledger, size: int) -> list[bytes]:
    leaves: list[bytes] = []
    for line in walk(ledger.lines()):
        if len(leaves) == size:
            break
        leaves.append(bytes.fromhex(line.leaf))
    return leaves
