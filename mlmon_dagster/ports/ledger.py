"""The audit log with its projections, and what signs and keeps checkpoints."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from mlmon_dagster.governance.audit import Entry, Sealed

R = TypeVar("R")


class Reading(Protocol):
    """A consistent look at the projections (see `governance.projections.RECORDS`)."""

    def find(self, kind: type[R], **where: Any) -> tuple[R, ...]:
        """Records whose fields equal `where` (a tuple means one of several), in order of their first entry."""
        ...

    def one(self, kind: type[R], id: str) -> R | None:
        """The record `id`, if there is one."""
        ...

    def newest(self, kind: type[R], count: int, *, before: str | None = None, **where: Any) -> tuple[R, ...]:
        """The `count` records whose first entries came last, newest first; as `find`, but only as many are read.

        `before` is the `id` of a record that was seen already: only those that came before it are read.
        """
        ...

    def line(self, seq: int) -> Sealed:
        """The entry with that number; raises `MissingError`."""
        ...

    def entries(
        self, *, newest: int | None = None, before: int | None = None, after: int | None = None, **where: Any
    ) -> tuple[Sealed, ...]:
        """Entries of the audit log whose indexed fields equal `where` (a tuple means one of several), oldest first.

        If given, only the `newest`.

        `before` and `after` leave out entries that do not come before or after that number.
        """
        ...


class Transaction(Reading, Protocol):
    """A command's reads and writes: all of it happens, alone and at once, or nothing does."""

    @property
    def next_seq(self) -> int:
        """The number that the next entry will have; identifiers of new records end in it."""
        ...

    def append(self, entry: Entry) -> Sealed:
        """Chains the entry to the log and carries out what it changes in the projections."""
        ...


class Ledger(Protocol):
    """Where the audit log and its projections are kept. Raises `UnavailableError` when out of reach."""

    def read(self) -> AbstractContextManager[Reading]: ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Commands of all processes follow one another; an exception undoes everything."""
        ...

    def lines(self, *, after: int = 0) -> Iterator[Sealed]:
        """The log after the entry with that number, oldest first; the whole of it by default."""
        ...

    def verify(self) -> tuple[int, str]:
        """Length and last hash of the log, when the chain, its head and every projection agree.

        Raises `TamperedError` with the first entry that does not.
        """
        ...

    def rebuild(self) -> None:
        """Writes every projection again from the log."""
        ...

    def skew(self) -> timedelta:
        """How far this process's clock is behind that of where the log is kept; nothing where that is one machine."""
        ...


class Signer(Protocol):
    """An Ed25519 key: what signs checkpoints."""

    @property
    def public(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...

    def renewed(self) -> bool:
        """Whether another key is there now than the one in use, which it then takes the place of."""
        ...

    def verifies(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether the signature over the message was made with the key of `public`."""
        ...


class CheckpointStore(Protocol):
    """Where signed checkpoints are kept, outside of the database; raises `UnavailableError` when out of reach.

    For every size the first and the latest note are kept: a later one of the same size makes those between idle.
    """

    def newest(self) -> str | None:
        """The note of the greatest size that was put last."""
        ...

    def notes(self) -> Iterator[str]:
        """Kept notes, in the order they were put."""
        ...

    def leaves(self) -> Iterator[tuple[int, bytes]]:
        """`(number of the first entry, leaf hashes of 32 bytes each)`, to tell which entry was changed."""
        ...

    def put(self, size: int, note: str, leaves: bytes) -> None:
        """Keeps the note of a log of `size` entries, with the leaf hashes of the newest of them."""
