"""Segments: files of frames that one process writes, named so that no two ever share a name."""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from mlmon_dagster.adapters.prediction_log.disk import Disk, OsDisk
from mlmon_dagster.adapters.prediction_log.frames import frames, seed_of

SUFFIX = ".wal"
SEGMENT_BYTES = 64_000_000
SEGMENT_SECONDS = 60.0
LEAST_ZEROS, MOST_ZEROS = 1 << 16, 1 << 20


@dataclass
class SegmentWriter:
    """Writes groups of payloads; a group is on the disk when `commit` returns, or none of it was promised.

    Names are `<UTC time>-<boot>-<number>.wal`: `boot` is random for each process, so a restarted server never writes
    into a file that is there. Used by one thread at a time.

    Behind the last group stand zeros, which the next groups overwrite: a sync that changes neither the file's size nor
    its blocks needs no entry in the file system's journal, and takes two thirds of the time.

    After an error the file is cut back to what was promised, closed, and never synced again: the kernel may have
    dropped the pages that it could not write, and a second fsync would succeed without them. The next group begins
    the next segment.
    """

    directory: Path
    header: bytes
    """The first payload of every segment: what the rows in it have in common."""
    boot: str = field(default_factory=lambda: os.urandom(8).hex())
    disk: Disk = field(default_factory=OsDisk)
    segment_bytes: int = SEGMENT_BYTES
    segment_seconds: float = SEGMENT_SECONDS
    _file: int | None = None
    _path: Path = Path()
    _seed: int = 0
    _good: int = 0
    """Where the next group begins."""
    _size: int = 0
    """Bytes of the file, with the zeros behind the last group."""
    _opened: float = 0.0
    _number: int = 0
    _deferred: bool = False

    @property
    def path(self) -> Path | None:
        """The segment that is written now."""
        return self._path if self._file is not None else None

    def commit(self, payloads: Sequence[bytes], now: float, *, defer: bool = False) -> None:
        """Appends the payloads; they are durable when this returns. `OSError` when they are not.

        `now` is seconds since 1970. With `defer` they are with the operating system only, until the next `flush`.
        """
        if self.due(now):
            self.close()
        if self._file is None:
            self._open(now)
        content = frames(payloads if self._good else (self.header, *payloads), self._seed)
        if not content:
            return
        assert self._file is not None  # noqa: S101 - opened above
        end = self._good + len(content)
        try:
            self._write(self._file, content, self._good)
            if not defer:
                if end > self._size:
                    self._write_zeros(self._file, end, len(content))
                self.disk.sync(self._file)
        except OSError:
            self._abandon()
            raise
        self._good, self._size = end, max(end, self._size)
        self._deferred = defer

    def flush(self) -> None:
        """Makes durable what was deferred."""
        if self._file is None or not self._deferred:
            return
        self._deferred = False
        try:
            self.disk.sync(self._file)
        except OSError:
            self._abandon()
            raise

    def due(self, now: float) -> bool:
        """Whether the open segment is full, old, or of another UTC day."""
        if self._file is None:
            return False
        old = not 0 <= now - self._opened < self.segment_seconds
        return old or self._good >= self.segment_bytes or now // 86400 != self._opened // 86400

    def close(self) -> None:
        """Ends the segment, after what was deferred is durable, too."""
        self.flush()
        if self._file is not None:
            file, self._file = self._file, None
            if self._size > self._good:
                with suppress(OSError):  # zeros that stay are read as what they are: nothing
                    self.disk.truncate(file, self._good)
            self.disk.close(file)

    def _open(self, now: float) -> None:
        moment = datetime.fromtimestamp(now, timezone.utc)
        while True:
            self._number += 1
            path = self.directory / f"{moment:%Y%m%dT%H%M%S}-{self.boot}-{self._number:06d}{SUFFIX}"
            try:
                file = self.disk.create(path)
                break
            except (FileExistsError, BlockingIOError):
                continue
        self._file, self._path, self._good, self._size, self._opened = file, path, 0, 0, now
        self._seed = seed_of(path.name)
        try:
            self.disk.sync_directory(self.directory)
        except OSError:
            self._abandon()
            raise

    def _write(self, file: int, content: bytes, at: int) -> None:
        rest = memoryview(content)
        while rest:
            taken = self.disk.write(file, rest, at)
            if taken <= 0:
                raise OSError(errno.EIO, "the disk takes nothing")
            rest, at = rest[taken:], at + taken

    def _write_zeros(self, file: int, at: int, group: int) -> None:
        """As many as the segment holds already, from 64 KiB to 1 MiB, if several groups of that size fit in.

        Without room for them the log goes on.
        """
        count = min(max(at, LEAST_ZEROS), MOST_ZEROS, self.segment_bytes - at)
        if count > 4 * group:
            with suppress(OSError):
                self._write(file, bytes(count), at)
                self._size = at + count

    def _abandon(self) -> None:
        file, self._file = self._file, None
        assert file is not None  # noqa: S101 - called for an open segment
        try:
            self.disk.truncate(file, self._good)
            if not self._good:
                self.disk.remove(self._path)
        except OSError:
            pass  # the frames that were refused stay as extras behind the promised ones: more rows, never fewer
        self.disk.close(file)


def segment_files(directory: Path) -> list[Path]:
    """The segments in a directory, oldest first."""
    return sorted(directory.glob(f"*{SUFFIX}"))


def began(name: str) -> datetime:
    """When the segment of that name was opened."""
    return datetime.strptime(name[:15], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)


def prefix_of(model: str) -> str:
    """What the keys of a model begin with."""
    return f"model={quote(model, safe='')}/"
