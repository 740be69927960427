"""SQLite: writers of several processes take turns at a lock beside the file."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from sqlalchemy import Engine

LOOK_SECONDS = 0.001
"""SQLite itself looks only every 0.1 s whether it is its turn, and others slip in meanwhile."""

LONGEST_SECONDS = 30.0
"""After this SQLite is asked all the same, and says what is wrong."""


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Inside, no other process that takes its turn writes; what keeps the data right is SQLite's own lock."""
    with ExitStack() as waited:
        if engine.dialect.name == "sqlite":
            _wait(waited, f"{engine.url.database}-turn")
        yield


def _wait(waited: ExitStack, file: str) -> None:
    """Where a file cannot be made or has no such locks, nobody waits here."""
    end = time.monotonic() + LONGEST_SECONDS
    with suppress(OSError):
        queue = Path(file).open("ab")  # noqa: SIM115, closed when the turn is over
        waited.callback(queue.close)
        while time.monotonic() < end and not _mine(queue):
            time.sleep(LOOK_SECONDS)


def _mine(queue: IO[bytes]) -> bool:
    try:
        fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
