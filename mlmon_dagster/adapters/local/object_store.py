"""The object store in a folder: one file for each key, written whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlmon_dagster.errors import InputError, MissingError, UnavailableError


@dataclass(frozen=True)
class FileObjectStore:
    """Port `ObjectStore` on a local or mounted disk.

    A put is atomic and durable: the bytes go to a hidden file of the same folder, are synced, and then take the
    key's name, so that a reader, or a machine that lost power, sees the old bytes or the new ones.
    Raises `UnavailableError` with the path when the disk refuses (full, read-only, not permitted).
    """

    root: Path

    def put(self, key: str, content: bytes) -> None:
        """Stores `content` under `key`, replacing what was there."""
        path = self._path(key)
        hidden = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write_synced(hidden, content)
                os.replace(hidden, path)
            finally:
                hidden.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise _unavailable("written", path, error) from error

    def get(self, key: str) -> bytes:
        """The bytes under `key`; `MissingError` when there are none."""
        path = self._path(key)
        try:
            return path.read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise MissingError(f"there is nothing under {key!r} in the object store {self.root}") from None
        except OSError as error:
            raise _unavailable("read", path, error) from error

    def exists(self, key: str) -> bool:
        """Whether there are bytes under `key`."""
        return self._path(key).is_file()

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that start with `prefix` (any text, as in S3), in order."""
        folder = self.root / prefix.rpartition("/")[0]
        if ".." in prefix.split("/") or prefix.startswith("/"):
            raise InputError(f"{prefix!r} does not name keys of an object store")
        found = (path.relative_to(self.root).as_posix() for path in folder.rglob("*") if _is_stored(path))
        return iter(sorted(key for key in found if key.startswith(prefix)))

    def delete(self, key: str) -> None:
        """Removes `key`; nothing happens when it is not there."""
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _unavailable("deleted", path, error) from error

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if any(not part or part.startswith(".") or "\\" in part or not part.isprintable() for part in parts):
            raise InputError(
                f"{key!r} cannot be a key of an object store",
                hint="keys are names joined by /, none of them empty or starting with a dot",
            )
        return self.root.joinpath(*parts)


def _is_stored(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """The new name itself is only durable once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(what: str, path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"{path} cannot be {what}: {error.strerror or error}",
        hint="free space on that disk or make it writable, or point MLMON_HOME at another folder",
    )
