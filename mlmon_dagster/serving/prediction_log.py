"""The prediction log: every prediction as one line of JSON, on disk before the answer leaves."""

import json
import os
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

SEGMENT_BYTES = 64_000_000
"""A file that has grown to this size is followed by the next."""


class PredictionLog:
    """Append-only files `<day>-<name>-<number>.jsonl` in `directory`; a new one each UTC day and every 64 MB.

    `name` tells writers apart: each process has its own files, so a line is never torn by another's.
    """

    durability = "every prediction is on disk (fdatasync) before it is answered"

    def __init__(self, directory: Path, name: str, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._name = name
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._day = ""
        self._file = -1

    def append(self, entries: Iterable[Mapping[str, Any]], now: datetime) -> None:
        """Writes the entries as lines and waits until the disk has them; `OSError` when it cannot."""
        lines = "".join(json.dumps(entry, allow_nan=False, separators=(",", ":")) + "\n" for entry in entries).encode()
        with self._lock:
            self._turn(now)
            written = os.write(self._file, lines)
            if written < len(lines):
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise OSError(f"the disk took {written} of {len(lines)} bytes of the prediction log")
            _sync(self._file)

    def close(self) -> None:
        """Closes the file; a later `append` opens the next."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def _turn(self, now: datetime) -> None:
        """Opens the file that belongs to `now`, the next one when the present one is full."""
        day = f"{now:%Y-%m-%d}"
        if self._file >= 0 and day == self._day and os.fstat(self._file).st_size < self._segment_bytes:
            return
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        taken = [int(path.stem.rpartition("-")[2]) for path in self.directory.glob(f"{day}-{self._name}-*.jsonl")]
        number = max(taken, default=-1) + 1
        path = self.directory / f"{day}-{self._name}-{number:04d}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o640)
        self._day = day


def _sync(file: int) -> None:
    """macOS has no fdatasync."""
    getattr(os, "fdatasync", os.fsync)(file)
