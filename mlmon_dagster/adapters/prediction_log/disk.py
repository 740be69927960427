"""The few file operations that durability hangs on, so that tests can lose power between any two of them."""

import fcntl
import os
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """Files as the log uses them. Every operation may raise `OSError`."""

    def create(self, path: Path) -> int:
        """A new file, locked for this process; `FileExistsError` where there is one. Not durable by itself."""
        ...

    def write(self, file: int, content: bytes | memoryview, at: int) -> int:
        """Writes from byte `at` on; bytes taken, which may be fewer than were given."""
        ...

    def sync(self, file: int) -> None:
        """Returns when the file's content is on the disk."""
        ...

    def sync_directory(self, directory: Path) -> None:
        """Returns when the directory's names are on the disk."""
        ...

    def truncate(self, file: int, size: int) -> None: ...

    def close(self, file: int) -> None:
        """Gives up the file and its lock."""
        ...

    def remove(self, path: Path) -> None: ...

    def space(self, directory: Path) -> tuple[int, int]:
        """(free bytes, all bytes) of the disk the directory is on."""
        ...


class OsDisk:
    """The disk of this machine."""

    def create(self, path: Path) -> int:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink == 0:
                raise FileExistsError(f"{path.name} was swept away before it was locked")
        except OSError:
            os.close(file)
            raise
        return file

    def write(self, file: int, content: bytes | memoryview, at: int) -> int:
        return os.pwrite(file, content, at)

    def sync(self, file: int) -> None:
        SYNC(file)

    def sync_directory(self, directory: Path) -> None:
        sync_directory(directory)

    def truncate(self, file: int, size: int) -> None:
        os.ftruncate(file, size)

    def close(self, file: int) -> None:
        os.close(file)

    def remove(self, path: Path) -> None:
        path.unlink()

    def space(self, directory: Path) -> tuple[int, int]:
        found = os.statvfs(directory)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


SYNC = getattr(os, "fdatasync", os.fsync)
"""macOS has no fdatasync."""


def sync_directory(directory: Path) -> None:
    """Makes the names in a directory durable."""
    file = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def make_directory(directory: Path) -> None:
    """The directory and those above it, each durable in the one above."""
    missing = [one for one in (directory, *directory.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        sync_directory(one.parent)
