"""Rotating the key that signs checkpoints: the old key signs the log that introduces the new one, which then signs.

Who trusts the first key can follow: a key is trusted from the entry that introduces it, once a checkpoint by a trusted
key covers that entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mlmon_dagster.errors import InputError, TamperedError
from mlmon_dagster.governance.audit import Entry, readable
from mlmon_dagster.governance.checkpoints import Key, key, opened
from mlmon_dagster.governance.roles import ANYWHERE
from mlmon_dagster.lifecycle.checkpoints import Notary, write_checkpoint
from mlmon_dagster.lifecycle.governance import Governance, acting
from mlmon_dagster.ports import Ledger, Signer

INTRODUCED = "key.introduced"


@dataclass(frozen=True)
class SigningKey:
    """A key that signs, or signed, checkpoints."""

    id: str
    """The verifier key, for auditors."""
    seq: int
    """The entry that introduced it; 0 for the first key."""
    introduced_by: str
    introduced_at: datetime | None
    present: bool
    """Whether it is the one that signs now."""


def signing_keys(ledger: Ledger, present: Key) -> tuple[SigningKey, ...]:
    """The keys that led to the present one, the first one first."""
    found: list[SigningKey] = []
    introduced = _introduced(ledger)
    wanted: str | None = str(present)
    while wanted is not None and all(one.id != wanted for one in found):
        entry = introduced.get(wanted)
        at, seq, by = (entry.at, entry.seq, entry.actor) if entry else (None, 0, "")
        found.append(SigningKey(wanted, seq, by, at, wanted == str(present)))
        wanted = entry.data["before"] if entry else None
    return tuple(reversed(found))


def rotate_key(governance: Governance, notary: Notary, new: Signer, *, actor: str, reason: str) -> SigningKey:
    """Introduces the new key (`key.introduced`); takes an admin, and a reason.

    What was interrupted is gone on with when it is asked for again with the same key.
    """
    reason, before, after = readable(reason, "reason"), notary.key, Key(notary.name, new.public)
    if not reason:
        raise InputError("rotating a key needs a reason")
    if before == after:
        raise InputError("this is the key in use", hint="name another one")
    both = Notary(notary.name, notary.signer, notary.stores, (after,))
    with acting(governance, actor, "admin", ANYWHERE) as act:
        if str(after) not in {line.entry.data["key"] for line in act.books.entries(action=INTRODUCED)}:
            data = {"key": str(after), "before": str(before), "reason": reason}
            act.append(INTRODUCED, f"key/{after.id.hex()}", data, project=ANYWHERE)
    if not _signs(both, after):
        write_checkpoint(governance.ledger, both, governance.now())
        write_checkpoint(governance.ledger, Notary(notary.name, new, notary.stores, (before,)), governance.now())
    return signing_keys(governance.ledger, after)[-1]


def _signs(notary: Notary, wanted: Key) -> bool:
    """Whether the newest checkpoint is by that key already."""
    text = notary.stores[0].newest()
    if text is None:
        return False
    try:
        opened(text, [wanted], notary.signer.verifies)
    except TamperedError:
        return False
    return True


def _introduced(ledger: Ledger) -> Mapping[str, Entry]:
    with ledger.read() as reading:
        return {line.entry.data["key"]: line.entry for line in reading.entries(action=INTRODUCED)}


def keys_of(ledger: Ledger, present: Key) -> tuple[Key, ...]:
    """The keys that led to the present one, the first one first."""
    return tuple(key(one.id) for one in signing_keys(ledger, present))
