"""Streams that stay open: how many one caller may have, and an end for who does not read what is sent."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from threading import Lock

import anyio
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from mlmon_dagster.web.problems import ProblemError

MOST = 20
"""Streams that one caller has open at once; pages of a browser share one each."""

SEND_SECONDS = 30
"""How long a part of a stream may wait to be taken. Nothing is kept: who comes again says where to go on."""


class _SlowReaderError(Exception):
    """A part of the stream was not taken in time."""


@dataclass
class Listeners:
    """Who has how many streams open in this process."""

    most: int = MOST
    _open: "Counter[str]" = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def enter(self, caller: str) -> None:
        """One more stream of the caller; raises `ProblemError` 429 when there are enough."""
        with self._lock:
            if self._open[caller] >= self.most:
                raise ProblemError(
                    429, "LISTENERS", f"you have {self.most} streams open already", headers={"Retry-After": "30"}
                )
            self._open[caller] += 1

    def leave(self, caller: str) -> None:
        """One stream of the caller is over."""
        with self._lock:
            self._open[caller] -= 1
            if self._open[caller] <= 0:
                del self._open[caller]


class Stream(StreamingResponse):
    """A stream that counts as one of its caller's until it is over."""

    def __init__(
        self, parts: AsyncIterator[str], listeners: Listeners, caller: str, *, seconds: float = SEND_SECONDS
    ) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(parts, headers=headers, media_type="text/event-stream")
        self._listeners, self._caller, self._seconds = listeners, caller, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def patient(message: Message) -> None:
            try:
                with anyio.fail_after(self._seconds):
                    await send(message)
            except TimeoutError:
                raise _SlowReaderError from None

        try:
            await super().__call__(scope, receive, patient)
        except _SlowReaderError:
            return
        finally:
            self._listeners.leave(self._caller)
