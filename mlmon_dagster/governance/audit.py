"""The audit log's entries and the chain that shows whether one of them was changed.

`leaf = SHA256(0x00 || payload)`, `hash = SHA256(0x01 || int64be(seq) || previous hash || SHA256(payload))`.
The payload's exact bytes are kept, and verification hashes those: canonical forms of JSON disagree between
libraries, stored bytes do not. Floats are refused for the same reason.
A chain shows an edited, removed or swapped entry. It cannot show that the whole rest was written again.
"""

import hashlib
import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from mlmon_dagster.errors import InputError, TamperedError

GENESIS = "0" * 64
"""The hash before the first entry."""

WRITTEN = len("2026-01-02T00:00:00.000000Z")
LONGEST_TEXT = 2000
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control characters (new line and tab excepted), halves of surrogate pairs, and what turns the direction of text."""


@dataclass(frozen=True)
class Entry:
    """One line of the audit log: who did what to which subject, when, under which role."""

    seq: int
    at: datetime
    actor: str
    role: str
    action: str
    """`noun.participle`, see `projections.ACTIONS`."""
    project: str | None
    pipeline: str | None
    environment: str | None
    subject: str
    data: Mapping[str, Any]
    """Strings, integers, booleans, `None`, and lists and mappings of them."""


@dataclass(frozen=True)
class Sealed:
    """An entry as it is kept: its exact bytes and its place in the chain (hex digests)."""

    seq: int
    payload: bytes
    leaf: str
    hash: str

    @property
    def entry(self) -> Entry:
        """The entry that the payload holds."""
        return parse(self.payload)


def seal(entry: Entry, previous: str) -> Sealed:
    """The entry's payload and hashes, chained to the hash before."""
    content = payload(entry)
    return Sealed(entry.seq, content, leaf(content), chained(entry.seq, previous, content))


def payload(entry: Entry) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces; `TypeError` for floats, `InputError` for text that is not UTF-8."""
    fields = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    fields["at"] = written(entry.at)
    _refuse_floats(fields["data"])
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InputError("the text holds bytes that are not UTF-8") from error


def parse(content: bytes) -> Entry:
    """The entry written in a payload."""
    fields = json.loads(content)
    return Entry(**{**fields, "at": read(fields["at"])})


def leaf(content: bytes) -> str:
    """The payload's leaf hash (RFC 6962)."""
    return hashlib.sha256(b"\x00" + content).hexdigest()


def chained(seq: int, previous: str, content: bytes) -> str:
    """The hash of an entry after the hash before it."""
    body = struct.pack(">q", seq) + bytes.fromhex(previous) + hashlib.sha256(content).digest()
    return hashlib.sha256(b"\x01" + body).hexdigest()


def verify(lines: Iterable[Sealed]) -> tuple[int, str]:
    """Walks the chain from the first entry and returns its length and last hash; raises as `walk`."""
    seq, previous = 0, GENESIS
    for line in walk(lines):
        seq, previous = line.seq, line.hash
    return seq, previous


def walk(lines: Iterable[Sealed], seq: int = 0, previous: str = GENESIS) -> Iterator[Sealed]:
    """Each line that rightly follows the entry `seq` with the hash `previous`.

    Raises `TamperedError` at the first entry that is missing, out of place or changed; its `seq` is that entry's.
    """
    for line in lines:
        seq += 1
        if line.seq != seq:
            raise TamperedError(f"entry {seq} of the audit log is missing; after {seq - 1} comes {line.seq}", seq=seq)
        if line.leaf != leaf(line.payload) or line.hash != chained(seq, previous, line.payload):
            raise TamperedError(f"entry {seq} of the audit log is not what was recorded", seq=seq)
        previous = line.hash
        yield line


def written(moment: datetime) -> str:
    """A moment in UTC with microseconds, as text that sorts in order of time.

    >>> written(datetime(2026, 1, 2, tzinfo=timezone.utc))
    '2026-01-02T00:00:00.000000Z'
    """
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read(text: str) -> datetime:
    """The moment that `written` wrote."""
    if len(text) != WRITTEN or text[-1] != "Z":
        raise ValueError(f"{text!r} is not a moment as entries have it")
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc)


def readable(text: str, what: str) -> str:
    """`text` without outer blanks; `InputError` for control characters, broken encoding or too great a length."""
    text = text.strip()
    if len(text) > LONGEST_TEXT:
        raise InputError(f"the {what} has {len(text)} characters; at most {LONGEST_TEXT} are kept")
    if _UNREADABLE.search(text):
        raise InputError(f"the {what} holds control characters or bytes that are not UTF-8")
    return text


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError(f"numbers with a fraction are written as text in the audit log, got {value!r}")
    if isinstance(value, Mapping):
        for inner in value.values():
            _refuse_floats(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_floats(inner)
