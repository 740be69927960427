"""Adaptive micro-batching: while the model computes one batch, the rows that come are gathered for the next.

No row waits for others to come: a lone request is computed at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

LARGEST = 256

Done = Callable[[Any, "Exception | None"], None]
"""Called on the event loop with the row's prediction, or with what went wrong."""


class MicroBatcher:
    """Computes rows of many requests together, in one thread. Belongs to one event loop."""

    def __init__(self, compute: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        self._compute = compute
        self._waiting: list[tuple[Any, Done]] = []
        self._busy = False
        self._threads = ThreadPoolExecutor(1, "model")
        self.batches = 0

    @property
    def waiting(self) -> int:
        """Rows that wait for the batch before to end."""
        return len(self._waiting)

    def add(self, row: Any, done: Done) -> None:
        """Computes the row soon."""
        self._waiting.append((row, done))
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._next)

    def close(self) -> None:
        """Ends the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> None:
        batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
        if not batch:
            self._busy = False
            return
        self.batches += 1
        rows = [row for row, _ in batch]
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._compute, rows)
        future.add_done_callback(lambda found: self._finish(batch, found))

    def _finish(self, batch: list[tuple[Any, Done]], found: "asyncio.Future[Sequence[Any]]") -> None:
        asyncio.get_running_loop().call_soon(self._next)
        error = None if found.cancelled() else found.exception()
        if error is None and not found.cancelled():
            for (_, done), prediction in zip(batch, found.result(), strict=True):
                done(prediction, None)
        elif len(batch) == 1 or error is None:
            for _, done in batch:
                done(None, error if isinstance(error, Exception) else RuntimeError("the server ends"))
        else:  # one row's fault is not the others': each is computed alone
            for row, done in batch:
                self._alone(row, done)

    def _alone(self, row: Any, done: Done) -> None:
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._compute, [row])

        def finished(found: "asyncio.Future[Sequence[Any]]") -> None:
            error = found.exception()
            if error is None:
                done(found.result()[0], None)
            else:
                done(None, error if isinstance(error, Exception) else RuntimeError(str(error)))

        future.add_done_callback(finished)
