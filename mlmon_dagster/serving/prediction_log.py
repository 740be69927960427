"""Group commit: predictions of many requests go to the disk together, and each is answered when it is there."""

import asyncio
import errno
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlmon_dagster.adapters.prediction_log.destinations import destination_of
from mlmon_dagster.adapters.prediction_log.disk import Disk, OsDisk, make_directory
from mlmon_dagster.adapters.prediction_log.reading import QUARANTINE
from mlmon_dagster.adapters.prediction_log.rows import SegmentHeader
from mlmon_dagster.adapters.prediction_log.segments import (
    SEGMENT_BYTES,
    SEGMENT_SECONDS,
    SegmentWriter,
    began,
    segment_files,
)
from mlmon_dagster.errors import InputError

if TYPE_CHECKING:
    from mlmon_dagster.adapters.prediction_log.remote import RemoteWriter

Durability = Literal["process", "local", "shared", "remote"]

DURABILITY = {
    "process": "a prediction is with the operating system before it is answered, on the disk within 0.2 seconds: "
    "it survives the end of the process, not a loss of power",
    "local": "a prediction is on this machine's disk (fdatasync) before it is answered: it survives a loss of power",
    "shared": "a prediction is on the shared file system (fdatasync) before it is answered: it survives the machine",
    "remote": "a prediction is kept where the log is shipped to before it is answered: it survives the machine",
}
"""What an answered prediction survives."""

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

IDLE_SECONDS = 0.5
"""How often an idle log looks at its segment's age and at the free space."""
SYNC_SECONDS = 0.2
"""How soon the disk follows in the class `process`, and how often a busy log looks at the free space."""


class LogRefusedError(Exception):
    """The prediction cannot be kept now, so it is not given. `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class LogOptions:
    """How predictions are kept.

    `when_full` says what happens while the disk cannot take them: `fail_closed` refuses predictions (503),
    `fail_open` gives them unlogged, which every answer, `/health` and `/metrics` say.
    """

    directory: Path
    durability: Durability = "local"
    when_full: Literal["fail_closed", "fail_open"] = "fail_closed"
    floor_bytes: int | None = None
    """Free bytes below which the disk counts as full; by default a tenth of the disk, at most 1 GiB."""
    queue_rows: int = 10_000
    """Payloads that may wait for the disk; more are refused."""
    segment_bytes: int = SEGMENT_BYTES
    segment_seconds: float = SEGMENT_SECONDS
    ship_to: str | None = "parquet"
    """Where finished segments are shipped: `s3://bucket/prefix`, a folder (relative to the log's), or nowhere."""
    sample: float = 1.0
    """Share of the requests that are logged, by a checksum of their id; every segment says it."""

    @property
    def destination(self) -> str | None:
        """Where segments are shipped, as an absolute path or a URL."""
        if self.ship_to is None or self.ship_to.startswith("s3://"):
            return self.ship_to
        return str((self.directory / self.ship_to).absolute())


@dataclass
class Group:
    """Payloads that are committed together."""

    payloads: list[bytes] = field(default_factory=list)
    done: threading.Event | None = None
    """For those who wait in threads."""
    settled: list["Settled"] = field(default_factory=list)
    """Called on the event loop when the group is on the disk, or refused."""
    loop: asyncio.AbstractEventLoop | None = None
    logged: bool = False
    error: LogRefusedError | None = None


Settled = Callable[[Group], object]


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

    Groups are committed by a thread of the log's own, or, where the disk is quick (and in the class `process`), by the
    event loop itself at the end of a turn: handing a group to a thread and back costs more than such a commit.
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
        self._group = Group()
        self._pending = 0
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
        return self._pending

    @property
    def facts(self) -> dict[str, Any]:
        """What `/health` says about the log."""
        options = self.options
        return {
            "promise": DURABILITY[options.durability],
            "when_full": options.when_full,
            "failing": self.failing,
            "waiting": self._pending,
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
        with self._ready:
            group = self._join(payload, notify=True)
            done = group.done = group.done or threading.Event()
        done.wait()
        if group.error:
            raise group.error
        return group.logged

    def put(self, payload: bytes, loop: asyncio.AbstractEventLoop, settled: Settled) -> None:
        """The same for an event loop: `settled` is called there. `LogRefusedError` at once when too many wait."""
        with self._ready:
            inline = not self._busy and self._usual_seconds < INLINE_SECONDS and self.options.durability in INLINE
            group = self._join(payload, notify=not inline)
            if inline and group.loop is None:
                loop.call_soon(self._commit_here)
            group.loop = loop
            group.settled.append(settled)

    def _join(self, payload: bytes, *, notify: bool) -> Group:
        if self._closed:
            raise LogRefusedError("the prediction log is closed")
        if self._pending >= self.options.queue_rows:
            self.counts.refused_full_queue += 1
            raise LogRefusedError(f"{self._pending} predictions wait for the disk")
        group = self._group
        group.payloads.append(payload)
        self._pending += 1
        if notify and len(group.payloads) == 1:
            self._ready.notify()
        return group

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
                if not self._group.payloads and not self._closed:
                    self._ready.wait(SYNC_SECONDS if self._defers else IDLE_SECONDS)
                group, closed = self._take(), self._closed
                self._busy = bool(group.payloads)
            if group.payloads:
                self._commit(group)
                if group.loop is not None:
                    _settle(group.loop, group)
            elif closed:
                return
            else:
                self._idle()

    def _take(self) -> Group:
        group, self._group = self._group, Group()
        return group

    def _commit_here(self) -> None:
        """On the event loop; a group that the thread has taken meanwhile is settled by it."""
        with self._ready:
            group = self._take()
        if group.payloads:
            self._commit(group)
            for settled in group.settled:
                settled(group)

    def _commit(self, group: Group) -> None:
        with self._writing:
            group.logged = self._kept(group)
        if not group.logged and self.options.when_full == "fail_open":
            self.counts.unlogged += len(group.payloads)
        elif not group.logged:
            group.error = LogRefusedError(f"the prediction log cannot be written ({self.failing})")
        with self._ready:
            self._pending -= len(group.payloads)
        if group.done is not None:
            group.done.set()

    def _kept(self, group: Group) -> bool:
        if self.failing is not None:
            self._look()
            if self.failing is not None:
                return False
        began = time.perf_counter()
        try:
            self._writer.commit(group.payloads, self._clock(), defer=self._defers)
        except OSError as error:
            self._failed(error)
            return False
        seconds = time.perf_counter() - began
        self.counts.commit_seconds = seconds
        self._usual_seconds += (seconds - self._usual_seconds) / 8
        self.counts.commits += 1
        self.counts.payloads += len(group.payloads)
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

    def _failed(self, error: OSError) -> None:
        reason = error.strerror or str(error)
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


def _settle(loop: asyncio.AbstractEventLoop, group: Group) -> None:
    def settle() -> None:
        for settled in group.settled:
            settled(group)

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        return  # the loop has ended, and nobody waits any more
