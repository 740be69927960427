"""Checkpoints in a folder."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlmon_dagster.errors import UnavailableError

NUMBER = "{:012d}"


@dataclass(frozen=True)
class CheckpointFolder:
    """See `ports.CheckpointStore`: `<size>.checkpoint`, `<size>.latest`, `<first>-<last>.leaves`, read-only."""

    folder: Path

    def newest(self) -> str | None:
        found = self._names()
        return found[-1].read_text(encoding="utf-8") if found else None

    def notes(self) -> Iterator[str]:
        for name in self._names():
            yield name.read_text(encoding="utf-8")

    def leaves(self) -> Iterator[tuple[int, bytes]]:
        for name in sorted(self.folder.glob("*.leaves")):
            yield int(name.name.partition("-")[0]), name.read_bytes()

    def put(self, size: int, note: str, leaves: bytes) -> None:
        if leaves:
            self.keep_leaves(size - len(leaves) // 32 + 1, leaves)
        first = self.folder / f"{NUMBER.format(size)}.checkpoint"
        self._keep(first.with_suffix(".latest") if first.exists() else first, note.encode())

    def keep_leaves(self, first: int, leaves: bytes) -> None:
        """Keeps the leaf hashes of the entries from `first` on."""
        last = first + len(leaves) // 32 - 1
        self._keep(self.folder / f"{NUMBER.format(first)}-{NUMBER.format(last)}.leaves", leaves)

    def _keep(self, file: Path, content: bytes) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(file, content)
        except OSError as error:
            raise UnavailableError(f"the checkpoint cannot be kept in {self.folder}: {error.strerror}") from error

    def _names(self) -> list[Path]:
        """First and latest checkpoint of every size, in the order they were signed."""
        return sorted([*self.folder.glob("*.checkpoint"), *self.folder.glob("*.latest")])


def _write(file: Path, content: bytes) -> None:
    """Whole and on disk, or not at all."""
    handle, part = tempfile.mkstemp(dir=file.parent, prefix=".part-")
    with os.fdopen(handle, "wb") as sink:
        sink.write(content)
        sink.flush()
        os.fsync(sink.fileno())
        os.fchmod(sink.fileno(), 0o444)
    os.replace(part, file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
