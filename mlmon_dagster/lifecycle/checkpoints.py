"""Checkpoints of the audit log: signed when due, kept outside of the database, and compared with the log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from mlmon_dagster.errors import MissingError, TamperedError
from mlmon_dagster.governance.audit import GENESIS, Sealed, walk
from mlmon_dagster.governance.checkpoints import Checkpoint, Key, key, note, opened
from mlmon_dagster.governance.merkle import Tree, root_of
from mlmon_dagster.lifecycle.clocks import refuse_skew
from mlmon_dagster.ports import CheckpointStore, Ledger, Signer

INTERVAL = timedelta(seconds=60)
"""A checkpoint is due when the last one is so old, also when nothing happened since."""

ENTRIES = 1000
"""And when so many entries are not covered yet."""


@dataclass(frozen=True)
class Notary:
    """Signs the log `name` and keeps what was signed; the first store is the one that is read."""

    name: str
    signer: Signer
    stores: Sequence[CheckpointStore]
    others: Sequence[Key] = ()
    """Keys that the newest checkpoint may be signed by too: while a key is rotated."""

    @property
    def key(self) -> Key:
        """The key in use."""
        return Key(self.name, self.signer.public)

    def newest(self) -> Checkpoint | None:
        """The last checkpoint; raises `TamperedError` when this notary did not sign it.

        One by an unknown key may say that the key was rotated meanwhile: then it is read again where it is kept.
        """
        text = self.stores[0].newest()
        if text is None:
            return None
        try:
            return opened(text, [self.key, *self.others], self.signer.verifies)
        except TamperedError:
            if not self.signer.renewed():
                raise
        return opened(text, [self.key, *self.others], self.signer.verifies)

    def sign(self, checkpoint: Checkpoint) -> str:
        """The checkpoint as a signed note; the key and its signature belong together also while it is renewed."""
        body = checkpoint.body.encode()
        while True:
            used, signature = self.key, self.signer.sign(body)
            if used == self.key:
                return note(checkpoint, used, signature)


@dataclass(frozen=True)
class Covered:
    """What checkpoints say of a log that agrees with them."""

    entries: int
    hash: str
    checkpoints: int
    newest: Checkpoint | None

    @property
    def uncovered(self) -> int:
        """Entries that no checkpoint covers yet: who owns the database could still rewrite them unseen."""
        return self.entries - (self.newest.size if self.newest else 0)


def write_checkpoint(ledger: Ledger, notary: Notary, now: datetime) -> tuple[Checkpoint, str]:
    """Signs the log as it is now, on top of the last checkpoint, keeps it in every store, and returns it with its note.

    What follows the last checkpoint is verified on the way, so no checkpoint ever covers two histories. Raises
    `TamperedError` when the log no longer goes on from where the last checkpoint left it, `BlockedError` while the
    clocks of this process and the database differ.
    """
    refuse_skew(ledger)
    before = notary.newest() or Checkpoint(notary.name, Tree(), GENESIS, now)
    _refuse_other(ledger, before)
    last, leaves = before.chain, []
    for line in walk(ledger.lines(after=before.size), before.size, before.chain):
        last = line.hash
        leaves.append(bytes.fromhex(line.leaf))
    found = Checkpoint(notary.name, before.tree.grown(leaves), last, now)
    signed = notary.sign(found)
    for store in notary.stores:
        store.put(found.size, signed, b"".join(leaves))
    return found, signed


def _refuse_other(ledger: Ledger, before: Checkpoint) -> None:
    if not before.size:
        return
    try:
        with ledger.read() as reading:
            kept = reading.line(before.size).hash
    except MissingError:
        kept = ""
    if kept != before.chain:
        message = f"entry {before.size} of the audit log is not the one that was signed at {before.at:%Y-%m-%d %H:%M}"
        raise TamperedError(message, seq=before.size, hint="mlmon audit verify names the first entry that was changed")


def verify_checkpoints(ledger: Ledger, notary: Notary, keys: Sequence[Key] = ()) -> Covered:
    """Walks the chain and compares it with every kept checkpoint.

    With `keys`, only those are trusted to begin with, else the key in use and those that it followed, as the log tells:
    what they signed is outside of the database, so a log that tells of other keys is found. A key that an entry
    introduces is trusted once a checkpoint by a trusted key covers that entry. `TamperedError.seq` is the first entry
    that is not what was signed where the leaves kept beside the checkpoints say which, else the first that no agreeing
    checkpoint covers.
    """
    walked, store = _Walk(ledger), notary.stores[0]
    trusted, count, newest = [*(keys or _followed(ledger, notary.key))], 0, None
    for text in store.notes():
        found = opened(text, trusted, notary.signer.verifies)
        try:
            walked.to(found.size)
        except TamperedError as broken:
            raise _earliest(walked.leaves, found, store) or broken from broken
        if (walked.tree, walked.hash) != (found.tree, found.chain):
            raise _earliest(walked.leaves, found, store) or _between(newest, found)
        trusted += walked.introduced
        newest, count = found, count + 1
    walked.to(None)
    return Covered(walked.tree.size, walked.hash, count, newest)


def _followed(ledger: Ledger, present: Key) -> list[Key]:
    """The key and the ones before it, by the entries that introduced each with the one before."""
    before = {
        line.entry.data["key"]: line.entry.data["before"] for line in ledger.lines() if INTRODUCED in line.payload
    }
    found = [present]
    while str(found[-1]) in before and len(found) <= len(before):
        found.append(key(before[str(found[-1])]))
    return found


class _Walk:
    """The log, read once and as far as asked for: its tree, leaves, last hash, and the keys it introduces."""

    def __init__(self, ledger: Ledger) -> None:
        self.tree, self.hash, self.leaves = Tree(), GENESIS, bytearray()
        self.introduced: list[Key] = []
        self._leaves = self._read(walk(ledger.lines()))

    def to(self, size: int | None) -> None:
        """Reads on until the tree has `size` leaves, or to the end."""
        count = None if size is None else max(size - self.tree.size, 0)
        self.tree = self.tree.grown(islice(self._leaves, count))

    def _read(self, lines: Iterator[Sealed]) -> Iterator[bytes]:
        for line in lines:
            self.hash, leaf = line.hash, bytes.fromhex(line.leaf)
            self.leaves += leaf
            if INTRODUCED in line.payload:
                self.introduced.append(key(line.entry.data["key"]))
            yield leaf


INTRODUCED = b'"action":"key.introduced"'


def _earliest(ours: bytearray, signed: Checkpoint, store: CheckpointStore) -> TamperedError | None:
    """The first entry whose leaf is not the one kept beside the checkpoint, if those that are kept make its root."""
    theirs = bytearray(signed.size * 32)
    for first, part in store.leaves():
        if first <= signed.size:
            theirs[(first - 1) * 32 : (first - 1) * 32 + len(part)] = part
    kept = [bytes(theirs[place : place + 32]) for place in range(0, signed.size * 32, 32)]
    if root_of(kept) != signed.tree.root:
        return None
    for place, leaf in enumerate(kept):
        if ours[place * 32 : place * 32 + 32] != leaf:
            return TamperedError(_unlike(f"entry {place + 1}", signed), seq=place + 1)
    return None


def _between(agreed: Checkpoint | None, signed: Checkpoint) -> TamperedError:
    since = (agreed.size if agreed else 0) + 1
    return TamperedError(_unlike(f"an entry from {since} to {signed.size}", signed), seq=since)


def _unlike(where: str, signed: Checkpoint) -> str:
    when = f"{signed.at:%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"{where} of the audit log is not what was recorded when its first {signed.size} entries were signed at {when}"
    )
