"""Adaptive micro-batching: while the model computes one batch, the rows that come are gathered for the next.

A lone request is computed at once. The next batch waits a little for the clients whom the one before has answered,
or they would fall into two groups for good, each of which waits while the other's half of a batch is computed.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mlmon_dagster.serving.patience import Patience

LARGEST = 256
PATIENCE, LONGEST_PATIENCE_SECONDS = 0.5, 0.005
"""How long a batch waits for those just answered, as a share of what a batch takes, and at most."""

Done = Callable[[Any, "Exception | None"], None]
"""Called on the event loop with the row's prediction, or with what went wrong."""


class MicroBatcher:
    """Computes rows of many requests together, in one thread. Belongs to one event loop."""

    def __init__(self, compute: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        self._compute = compute
        self._waiting: list[tuple[Any, Done]] = []
        self._busy = False
        self._threads = ThreadPoolExecutor(1, "model")
        self._patience = Patience(PATIENCE, LONGEST_PATIENCE_SECONDS)
        self._usual_seconds = 0.0
        """What a batch takes, as a moving average."""
        self._wanted, self._until = 0, 0.0
        """How many rows the next batch waits for, and until when on the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None
        self.batches = 0

    @property
    def waiting(self) -> int:
        """Rows that wait for the batch before to end."""
        return len(self._waiting)

    def add(self, row: Any, done: Done) -> None:
        """Computes the row soon."""
        self._waiting.append((row, done))
        if not self._busy:
            self._go_on()

    def close(self) -> None:
        """Ends the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _go_on(self) -> None:
        """Begins the next batch, or waits for those who may come again."""
        loop = asyncio.get_running_loop()
        if len(self._waiting) < self._wanted and (seconds := self._until - loop.time()) > 0:
            self._timer = self._timer or loop.call_later(seconds, self._late)
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._busy = True
        loop.call_soon(self._begin)

    def _late(self) -> None:
        self._timer, self._wanted = None, 0
        self._patience.was_in_vain()
        self._go_on()

    def _begin(self) -> None:
        batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
        self.batches += 1
        loop = asyncio.get_running_loop()
        began = loop.time()
        future = loop.run_in_executor(self._threads, self._compute, [row for row, _ in batch])
        future.add_done_callback(lambda found: self._finish(batch, found, began))

    def _finish(self, batch: list[tuple[Any, Done]], found: "asyncio.Future[Sequence[Any]]", began: float) -> None:
        now = asyncio.get_running_loop().time()
        self._usual_seconds += (now - began - self._usual_seconds) / 8
        self._wanted = min(len(self._waiting) + len(batch), LARGEST)
        self._until = now + self._patience.seconds(self._usual_seconds)
        self._busy = False
        if self._waiting:
            self._go_on()
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
