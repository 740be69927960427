"""Checkpoints: signed statements of the audit log's size and root, to be kept outside of its database.

The text is a C2SP signed note (https://c2sp.org/signed-note) with the body of a C2SP checkpoint
(https://c2sp.org/tlog-checkpoint): origin, size, root, and three extension lines of ours.

    mlmon/pricing                     origin: which log this is
    42                                size: how many entries
    <base64>                          root of the Merkle tree
    time 2026-01-05T12:00:00.000000Z  when it was signed
    chain <hex>                       hash of the last entry in the chain
    peaks <base64> <base64> ...       the tree's peaks, so that one can go on from here without what came before

    — mlmon/pricing <base64 of key id and signature>

A later checkpoint of the same size shows that nothing happened in between.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from mlmon_dagster.errors import InputError, TamperedError
from mlmon_dagster.governance.audit import GENESIS, read, written
from mlmon_dagster.governance.merkle import Tree

ED25519 = b"\x01"
"""The algorithm's number in a signed note."""

SIGNATURE = "\N{EM DASH} "

Verify = Callable[[bytes, bytes, bytes], bool]
"""`(public key, message, signature)`: whether the Ed25519 signature is right."""


@dataclass(frozen=True)
class Key:
    """A public key with the name of its log; `str` is the C2SP verifier key, to be given to auditors."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that tell keys apart."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"


def key(text: str) -> Key:
    """The key that a verifier key writes; `InputError` when it is none."""
    name, id, material = [*text.strip().split("+", 2), "", ""][:3]
    try:
        raw = base64.b64decode(material, validate=True)
        if name and len(raw) == 33 and raw[:1] == ED25519 and Key(name, raw[1:]).id.hex() == id:
            return Key(name, raw[1:])
    except ValueError:
        pass
    raise InputError(f"{text[:100]!r} is not a verifier key", hint="mlmon audit key prints the one in use")


@dataclass(frozen=True)
class Checkpoint:
    """The log's size and root at a moment."""

    origin: str
    tree: Tree
    chain: str
    """Hash of the last entry; of an empty log `GENESIS`."""
    at: datetime

    @property
    def size(self) -> int:
        """How many entries it covers."""
        return self.tree.size

    @property
    def body(self) -> str:
        """What is signed."""
        peaks = " ".join(["peaks", *map(_base64, self.tree.peaks)])
        lines = [self.origin, str(self.size), _base64(self.tree.root), f"time {written(self.at)}"]
        return "\n".join([*lines, f"chain {self.chain}", *([peaks] if self.tree.peaks else [])]) + "\n"


def note(checkpoint: Checkpoint, key: Key, signature: bytes) -> str:
    """The signed note."""
    return f"{checkpoint.body}\n{SIGNATURE}{key.name} {_base64(key.id + signature)}\n"


def opened(text: str, keys: Iterable[Key], verify: Verify) -> Checkpoint:
    """The checkpoint of a note that one of the keys has signed.

    Raises `InputError` for a text that is no checkpoint, `TamperedError` when no known key has signed it (its `seq`
    is 1: nothing it says can be relied on).
    """
    body, found, signatures = text.partition(f"\n\n{SIGNATURE}")
    if not found or not text.endswith("\n"):
        raise InputError("this is not a signed checkpoint: it has no signature")
    message, known = f"{body}\n", tuple(keys)
    for line in signatures.rstrip("\n").split(f"\n{SIGNATURE}"):
        name, _, signed = line.partition(" ")
        raw = _bytes(signed)
        for one in known:
            if (one.name, one.id) == (name, raw[:4]) and verify(one.public, message.encode(), raw[4:]):
                return _parse(message)
    names = ", ".join(map(str, known)) or "none"
    raise TamperedError(
        "a checkpoint is not signed by a known key", seq=1, hint=f"known are: {names}; a rotated key is given by --key"
    )


def _parse(body: str) -> Checkpoint:
    origin, size, _root, *more = [*body.rstrip("\n").split("\n"), "", "", ""]
    values = dict(line.split(" ", 1) for line in more if " " in line)
    try:
        peaks = tuple(_bytes(peak) for peak in values.get("peaks", "").split())
        found = Checkpoint(origin, Tree(int(size), peaks), values["chain"], read(values["time"]))
    except (KeyError, ValueError) as error:
        raise InputError(f"the checkpoint of {size[:20]} entries cannot be read: {error}") from error
    if found.body != body or (found.size == 0 and found.chain != GENESIS):
        raise InputError(f"the checkpoint of {size} entries contradicts itself")
    return found


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    """What the text encodes, in the one way there is to write it."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if _base64(raw) != text:
        raise InputError(f"{text[:80]!r} in a checkpoint is not base64")
    return raw
