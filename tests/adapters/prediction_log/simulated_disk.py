"""A disk in memory that loses power: what was not synced survives in parts, in any order, or not at all."""

import errno
import random
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 64
"""Bytes that are written whole or not at all; smaller than a real sector, so that frames are torn more often."""


class PowerLossError(BaseException):
    """The machine stops here."""


@dataclass
class _File:
    seen: bytearray = field(default_factory=bytearray)
    """What a running process would read."""
    durable: bytes = b""
    pending: list[tuple[int, bytes]] = field(default_factory=list)
    """Writes since the last sync that succeeded, or since the kernel dropped them."""


class SimulatedDisk:
    """Loses power at operation number `dies_at`; some writes are short, some syncs fail and drop what was dirty."""

    def __init__(self, seed: int, dies_at: int, *, short_writes: float = 0.2, failing_syncs: float = 0.0) -> None:
        self._random = random.Random(seed)
        self._dies_at = dies_at
        self._operations = 0
        self._short_writes, self._failing_syncs = short_writes, failing_syncs
        self._names: dict[Path, _File] = {}
        self._durable_names: set[Path] = set()
        self._open: dict[int, _File] = {}

    def create(self, path: Path) -> int:
        self._step()
        if path in self._names:
            raise FileExistsError(path)
        self._names[path] = _File()
        self._open[len(self._open) + 1] = self._names[path]
        return len(self._open)

    def write(self, file: int, content: bytes | memoryview, at: int) -> int:
        whole = bytes(content)
        if len(whole) > 1 and self._random.random() < self._short_writes:
            whole = whole[: self._random.randrange(1, len(whole))]
        opened = self._open[file]
        opened.pending.append((at, whole))
        opened.seen += bytes(max(0, at - len(opened.seen)))
        opened.seen[at : at + len(whole)] = whole
        self._step()
        return len(whole)

    def sync(self, file: int) -> None:
        self._step()
        opened = self._open[file]
        if self._random.random() < self._failing_syncs:
            opened.pending = [one for one in opened.pending if self._random.random() < 0.5]
            raise OSError(errno.EIO, "Input/output error")
        opened.durable = self._applied(opened.durable, opened.pending)
        opened.pending = []
        self._step()

    def sync_directory(self, directory: Path) -> None:
        self._step()
        self._durable_names = {path for path in self._names if path.parent == directory}

    def truncate(self, file: int, size: int) -> None:
        self._step()
        opened = self._open[file]
        del opened.seen[size:]
        opened.pending = [(at, content[: max(0, size - at)]) for at, content in opened.pending if at < size]
        opened.durable = opened.durable[:size]

    def close(self, file: int) -> None:
        self._step()

    def remove(self, path: Path) -> None:
        self._step()
        self._names.pop(path)

    def space(self, directory: Path) -> tuple[int, int]:
        return 1 << 40, 1 << 40

    def after_power_loss(self) -> dict[Path, bytes]:
        """The files that are found when the machine starts again."""
        found = {}
        for path, file in self._names.items():
            if path in self._durable_names or self._random.random() < 0.5:
                found[path] = self._survived(file)
        return found

    def _survived(self, file: _File) -> bytes:
        """Each sector of each pending write survives or not; where one does, those before it are zeros or old."""
        sectors = [
            (at + start, content[start : start + SECTOR])
            for at, content in file.pending
            for start in range(0, len(content), SECTOR)
        ]
        content = self._applied(file.durable, [one for one in sectors if self._random.random() < 0.5])
        if self._random.random() < 0.3:  # the size was on the disk, the content was not
            content += bytes(max(0, len(file.seen) - len(content)))
        if self._random.random() < 0.2:
            content += self._random.randbytes(self._random.randrange(SECTOR))
        return content

    @staticmethod
    def _applied(content: bytes, writes: list[tuple[int, bytes]]) -> bytes:
        whole = bytearray(content)
        for at, written in writes:
            whole += bytes(max(0, at + len(written) - len(whole)))
            whole[at : at + len(written)] = written
        return bytes(whole)

    def _step(self) -> None:
        self._operations += 1
        if self._operations > self._dies_at:
            raise PowerLossError
