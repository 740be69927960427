"""A ledger that has its log signed: whoever commits an entry when a checkpoint is due writes it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mlmon_dagster.errors import MlmonError, TamperedError
from mlmon_dagster.governance.audit import Sealed
from mlmon_dagster.governance.checkpoints import Checkpoint
from mlmon_dagster.lifecycle.checkpoints import ENTRIES, INTERVAL, Notary, write_checkpoint
from mlmon_dagster.lifecycle.keys import keys_of
from mlmon_dagster.ports import Ledger, Reading, Transaction

LOG = logging.getLogger("mlmon.audit")


@dataclass
class WitnessedLedger:
    """See `ports.Ledger`. A checkpoint that cannot be written undoes nothing: it is told of, and `fsck` shows it."""

    ledger: Ledger
    notary: Notary
    now: Callable[[], datetime]
    _newest: Checkpoint | None = field(default=None, init=False)
    """The last checkpoint this process knows of."""

    def read(self) -> AbstractContextManager[Reading]:
        return self.ledger.read()

    def lines(self, *, after: int = 0) -> Iterator[Sealed]:
        return self.ledger.lines(after=after)

    def verify(self) -> tuple[int, str]:
        return self.ledger.verify()

    def rebuild(self) -> None:
        self.ledger.rebuild()

    def skew(self) -> timedelta:
        return self.ledger.skew()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self.ledger.transaction() as books:
            first = books.next_seq
            yield books
            last = books.next_seq - 1
        if last >= first and self._due(last):
            try:
                self.sign()
            except MlmonError as error:
                LOG.error("the audit log could not be signed: %s", error.message)

    def sign(self) -> Checkpoint:
        """Writes a checkpoint now; raises as `write_checkpoint`.

        The last one may be by a key that this one followed: of a process that signed while the key was rotated.
        """
        try:
            self._newest, _ = write_checkpoint(self.ledger, self.notary, self.now())
        except TamperedError:
            before = keys_of(self.ledger, self.notary.key)[:-1]
            if not before:
                raise
            followed = replace(self.notary, others=(*self.notary.others, *before))
            self._newest, _ = write_checkpoint(self.ledger, followed, self.now())
        return self._newest

    def sign_if_due(self) -> Checkpoint:
        """The last checkpoint, if it is fresh and covers all but a few entries, else a new one."""
        newest = self._newest = self._kept()
        with self.ledger.read() as reading:
            size = max((line.seq for line in reading.entries(newest=1)), default=0)
        return self.sign() if newest is None or self._late(newest, size) else newest

    def _due(self, size: int) -> bool:
        if self._newest is None or self._late(self._newest, size):
            self._newest = self._kept()
        return self._newest is None or self._late(self._newest, size)

    def _kept(self) -> Checkpoint | None:
        try:
            return self.notary.newest()
        except MlmonError:
            return None

    def _late(self, newest: Checkpoint, size: int) -> bool:
        return size - newest.size >= ENTRIES or self.now() - newest.at >= INTERVAL
