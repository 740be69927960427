"""Group commit: predictions of many requests go to the disk together, and each is answered when it is there."""

import asyncio
import errno
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.prediction_log.destinations import destination_of
from mlmon_dagster.adapters.prediction_log.disk import Disk, OsDisk, make_directory
from mlmon_dagster.adapters.prediction_log.reading import QUARANTINE
from mlmon_dagster.adapters.prediction_log.rows import Row, SegmentHeader, payloads_of
from mlmon_dagster.adapters.prediction_log.segments import (
    SegmentWriter,
    began,
    segment_files,
)
from mlmon_dagster.errors import InputError

if TYPE_CHECKING:
    from mlmon_dagster.adapters.prediction_log.remote import RemoteWriter


from mlmon_dagster.serving.durability import DURABILITY, LogOptions
from mlmon_dagster.serving.group import Group, LogRefusedError, Settled, settle_soon
from mlmon_dagster.serving.patience import Patience

FLOOR_BYTES = 1 << 30
FLOOR_SHARE = 0.1
INLINE_SECONDS = 0.0005
"""A commit that usually takes less is made on the event loop."""
INLINE = ("process", "local")
"""Classes whose commits may be made there: those of other machines may hang."""

AFAR_SECONDS = 1.0
"""How often a destination that failed is tried."""

REMOTE_ATTEMPTS = 2
"""How often a group is offered to the destination before its requests are refused: their clients wait."""

ENOUGH = 64
"""Rows that are committed together without waiting for another turn of the event loop."""
PATIENCE, LONGEST_PATIENCE_SECONDS = 0.25, 0.002
"""How long the thread waits for those whom it has just answered, as a share of what a commit takes, and at most."""
IDLE_SECONDS = 0.5
"""How often an idle log looks at its segment's age and at the free space."""
SYNC_SECONDS = 0.2
"""How soon the disk follows in the class `process`, and how often a busy log looks at the free space."""


@dataclass
class LogCounts:
    """What `/metrics` says about the log."""

    payloads: int = 0
    commits: int = 0
    failures: int = 0
    refused_full_queue: int = 0
    unlogged: int = 0
    commit_seconds: float = 0.0
    """Of the last commit."""


@dataclass
class ShippingCounts:
    """What `/metrics` says about shipping."""

    runs: int = 0
    failures: int = 0
    last_failure: str = ""


class PredictionLog:
    """The log of one process: `append` from any thread, or `put` from the event loop.

    What comes in one turn of the loop, and in those that follow at once, is one group. Groups are committed by a thread
    of the log's own, or, where the disk is quick (and in the class `process`), by the event loop itself: handing a
    group to a thread and back costs more than such a commit. The thread waits a little for those whom the commit before
    has answered: they are likely to come again, and share one sync then.
    """

    def __init__(
        self,
        options: LogOptions,
        header: SegmentHeader,
        *,
        disk: Disk | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        make_directory(options.directory)
        self.options = options
        self.counts = LogCounts()
        self.shipping = ShippingCounts()
        self.failing: str | None = None
        """Why nothing can be logged now, or `None`."""
        self._disk = disk or OsDisk()
        self._clock = clock
        self._writer = _writer(options, header, self._disk)
        self._ready = threading.Condition()
        self._writing = threading.Lock()
        """Held while the writer is used."""
        self._most = options.queue_rows
        self._turn: Group | None = None
        """What came in this turn of the event loop; only the loop uses it."""
        self._queue: list[Group] = []
        self._queued = 0
        """Rows and payloads that the thread, or a commit, has."""
        self._wanted = 1
        """How many of them wake the thread."""
        self._answered = 0
        self._patience = Patience(PATIENCE, LONGEST_PATIENCE_SECONDS)
        self._busy = self._closed = False
        self._defers = options.durability == "process"
        self._usual_seconds = 0.0 if self._defers else 1.0
        """What a commit takes, as a moving average; the first ones are left to the thread."""
        self._looked = 0.0
        self._look()
        self._thread = threading.Thread(target=self._run, daemon=True, name="prediction-log")
        self._thread.start()

    @property
    def directory(self) -> Path:
        """Where the segments are."""
        return self.options.directory

    @property
    def pending(self) -> int:
        """Payloads that wait for the disk."""
        turn = self._turn
        return self._queued + (len(turn) if turn is not None else 0)

    @property
    def facts(self) -> dict[str, Any]:
        """What `/health` says about the log."""
        options = self.options
        return {
            "promise": DURABILITY[options.durability],
            "when_full": options.when_full,
            "failing": self.failing,
            "waiting": self.pending,
            "sample": options.sample,
            "shipped_to": options.destination,
            "shipping_failed": self.shipping.last_failure or None,
        }

    def unshipped(self) -> list[tuple[float, int]]:
        """(age in seconds, bytes) of every segment in the directory, whoever wrote it."""
        now, found = self._clock(), []
        for path in segment_files(self.options.directory):
            try:
                found.append((max(0.0, now - began(path.name).timestamp()), path.stat().st_size))
            except FileNotFoundError:  # it was shipped meanwhile
                continue
        return found

    def quarantined(self) -> int:
        """Files in which something of a segment was put aside because it was torn or damaged."""
        folder = self.options.directory / QUARANTINE
        return sum(1 for _ in folder.iterdir()) if folder.exists() else 0

    @property
    def boot(self) -> str:
        """This process's random name, as its segments have it."""
        return self._writer.boot

    def append(self, payload: bytes) -> bool:
        """Waits until the payload is kept: whether it was logged. `LogRefusedError` when it must not be answered."""
        group = Group(payloads=[payload], done=threading.Event())
        with self._ready:
            self._require_room()
            self._enqueue(group)
        assert group.done is not None  # noqa: S101 - set above
        group.done.wait()
        if group.error:
            raise group.error
        return group.logged

    def put(self, payload: bytes, loop: asyncio.AbstractEventLoop, settled: Settled, *told: Any) -> None:
        """The same for an event loop: `settled` is called there. `LogRefusedError` at once when too many wait."""
        group = self._joined(loop)
        group.payloads.append(payload)
        group.settled.append((settled, told))

    def put_row(self, row: Row, settled: Settled, *told: Any) -> None:
        """The same for one row, on the loop that runs."""
        group = self._turn
        if group is None or self._queued + len(group.settled) >= self._most:
            group = self._joined(asyncio.get_running_loop())
        group.rows.append(row)
        group.settled.append((settled, told))

    def _joined(self, loop: asyncio.AbstractEventLoop) -> Group:
        self._require_room()
        group = self._turn
        if group is None:
            group = self._turn = Group(loop)
            loop.call_soon(self._end_turn, group, 0)
        return group

    def _require_room(self) -> None:
        if self._closed:
            raise LogRefusedError("the prediction log is closed")
        if (waiting := self.pending) >= self._most:
            self.counts.refused_full_queue += 1
            raise LogRefusedError(f"{waiting} predictions wait for the disk")

    def _end_turn(self, group: Group, before: int) -> None:
        """Once a turn of the loop has brought no more."""
        if before < len(group.settled) < ENOUGH and group.loop is not None:
            group.loop.call_soon(self._end_turn, group, len(group.settled))
            return
        self._turn = None
        with self._ready:
            inline = not self._busy and not self._queue and self._usual_seconds < INLINE_SECONDS
            inline = inline and self.options.durability in INLINE
            if self._closed:
                group.error = LogRefusedError("the prediction log is closed")
            elif inline:
                self._queued += len(group)
            else:
                self._enqueue(group)
        if group.error is not None:
            group.settle()
        elif inline:
            self._commit([group])
            group.settle()

    def _enqueue(self, group: Group) -> None:
        self._queue.append(group)
        self._queued += len(group)
        if self._queued >= self._wanted:
            self._ready.notify()

    def close(self) -> None:
        """Commits what waits, ends the segment; later payloads are refused."""
        with self._ready:
            if self._closed:
                return
            self._closed = True
            self._ready.notify()
        self._thread.join()
        try:
            self._writer.close()
        except OSError as error:
            self._failed(error)

    def _run(self) -> None:
        while True:
            with self._ready:
                self._busy = False
                if not self._queue and not self._closed:
                    self._ready.wait(SYNC_SECONDS if self._defers else IDLE_SECONDS)
                if self._queue and not self._defers:
                    self._gather()
                groups, self._queue, closed = self._queue, [], self._closed
                self._busy = bool(groups)
            if groups:
                self._commit(groups)
                self._answered = sum(map(len, groups))
                for group in groups:
                    if group.loop is not None:
                        settle_soon(group.loop, group)
            elif closed:
                return
            else:
                self._idle()

    def _gather(self) -> None:
        """Waits for those whom the last commit answered; not for a while where they did not come again in time."""
        seconds = self._patience.seconds(self._usual_seconds)
        if not seconds:
            return
        self._wanted = self._queued + self._answered
        if not self._ready.wait_for(lambda: self._queued >= self._wanted or self._closed, seconds):
            self._patience.was_in_vain()
        self._wanted = 1

    def _commit(self, groups: Sequence[Group]) -> None:
        with self._writing:
            logged = self._kept(groups)
        size = sum(map(len, groups))
        error = None
        if not logged and self.options.when_full == "fail_open":
            self.counts.unlogged += size
        elif not logged:
            error = LogRefusedError(f"the prediction log cannot be written ({self.failing})")
        with self._ready:
            self._queued -= size
        for group in groups:
            group.logged, group.error = logged, error
            if group.done is not None:
                group.done.set()

    def _kept(self, groups: Sequence[Group]) -> bool:
        if self.failing is not None:
            self._look()
            if self.failing is not None:
                return False
        began = time.perf_counter()
        try:
            payloads = [payload for group in groups for payload in group.payloads]
            if rows := [row for group in groups for row in group.rows]:
                payloads += payloads_of(rows)
            self._writer.commit(payloads, self._clock(), defer=self._defers)
        except Exception as error:  # a row that cannot be written refuses its group, and must not end the thread
            self._failed(error)
            return False
        seconds = time.perf_counter() - began
        self.counts.commit_seconds = seconds
        self._usual_seconds += (seconds - self._usual_seconds) / 8
        self.counts.commits += 1
        self.counts.payloads += sum(map(len, groups))
        if time.monotonic() - self._looked > SYNC_SECONDS and not self._defers:
            self._look()
        return True

    def _idle(self) -> None:
        with self._writing:
            self._flush()
            try:
                if self._writer.due(self._clock()):
                    self._writer.close()
            except OSError as error:
                self._failed(error)
            self._look()

    def _flush(self) -> None:
        try:
            self._writer.flush()
        except OSError as error:
            self._failed(error)

    def _look(self) -> None:
        """Whether the disk can take predictions (again)."""
        if self.options.durability == "remote":
            self._look_afar()
            return
        self._looked = time.monotonic()
        try:
            free, size = self._disk.space(self.options.directory)
            floor = self.options.floor_bytes
            floor = min(FLOOR_BYTES, int(size * FLOOR_SHARE)) if floor is None else floor
            if free < floor:
                raise OSError(errno.ENOSPC, f"{free} bytes are free, {floor} are kept free")
            if self.failing is not None:
                self._writer.commit([], self._clock())
            self.failing = None
        except OSError as error:
            self._failed(error)

    def _look_afar(self) -> None:
        """Whether a destination that failed takes predictions again; asked once a second, because asking may last."""
        if self.failing is None or time.monotonic() - self._looked < AFAR_SECONDS:
            return
        try:
            self._writer.commit([], self._clock())
            self.failing = None
        except OSError as error:
            self._failed(error)
        self._looked = time.monotonic()

    def _failed(self, error: Exception) -> None:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if self.failing is None:
            logging.getLogger("mlmon.serving").error("the prediction log fails: %s", reason)
        self.failing = reason
        self.counts.failures += 1


def _writer(options: LogOptions, header: SegmentHeader, disk: Disk) -> "SegmentWriter | RemoteWriter":
    """What keeps the payloads; `InputError` for the class `remote` without anywhere to keep them."""
    if options.durability != "remote":
        return SegmentWriter(
            options.directory,
            header.encoded(),
            disk=disk,
            segment_bytes=options.segment_bytes,
            segment_seconds=options.segment_seconds,
        )
    from mlmon_dagster.adapters.prediction_log.remote import RemoteWriter

    if options.destination is None:
        hint = "--ship-to s3://bucket/prefix, or a folder of another machine"
        raise InputError("the class `remote` keeps predictions where they are shipped to, which is nowhere", hint=hint)
    return RemoteWriter(destination_of(options.destination, attempts=REMOTE_ATTEMPTS), header.model, header.encoded())
