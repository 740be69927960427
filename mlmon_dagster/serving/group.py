"""Rows of the prediction log that came together, and those who wait until they are kept."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mlmon_dagster.adapters.prediction_log.rows import Row


class LogRefusedError(Exception):
    """The prediction cannot be kept now, so it is not given. `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(eq=False)
class Group:
    """Rows and payloads that came together, and those who wait for them."""

    loop: asyncio.AbstractEventLoop | None = None
    rows: list[Row] = field(default_factory=list)
    """Those of all groups in one commit become one payload."""
    payloads: list[bytes] = field(default_factory=list)
    settled: list[tuple["Settled", tuple[Any, ...]]] = field(default_factory=list)
    """Called on the event loop when the group is on the disk, or refused."""
    done: threading.Event | None = None
    """For one who waits in a thread."""
    logged: bool = False
    error: LogRefusedError | None = None

    def __len__(self) -> int:
        return len(self.rows) + len(self.payloads)

    def settle(self) -> None:
        """Tells those who wait on the event loop."""
        for settled, told in self.settled:
            settled(self, *told)


Settled = Callable[..., object]
"""Called with the group, then with what was given to `put`."""


def settle_soon(loop: asyncio.AbstractEventLoop, group: Group) -> None:
    """Tells those who wait, from another thread."""
    try:
        loop.call_soon_threadsafe(group.settle)
    except RuntimeError:
        return  # the loop has ended, and nobody waits any more
