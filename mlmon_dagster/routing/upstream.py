"""A connection from the router to a version, kept open and used again."""

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    from mlmon_dagster.routing.exchange import Exchange
    from mlmon_dagster.routing.router import Router
    from mlmon_dagster.routing.table import Backend, Replica

STREAM_BYTES = 1 << 20
"""From this size on an answer is passed on piece by piece."""


class Upstream(asyncio.Protocol):
    """Carries one request at a time."""

    __slots__ = (
        "_parser",
        "_parts",
        "_router",
        "_size",
        "backend",
        "exchange",
        "replica",
        "sent",
        "since",
        "transport",
    )

    def __init__(self, router: "Router", backend: "Backend", replica: "Replica") -> None:
        self._router = router
        self.backend = backend
        self.replica = replica
        self.exchange: Exchange | None = None
        self.since = 0.0
        """By the loop's clock, which uvloop reads in whole milliseconds: too coarse for latencies."""
        self.sent = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def send(self, exchange: "Exchange", now: float) -> None:
        """Sends the request; the router is told how it ends."""
        self.exchange, self.since, self.sent = exchange, now, perf_counter()
        self._parts: list[bytes] = []
        self._size = 0
        self._parser = httptools.HttpResponseParser(self)
        self.backend.active.add(self)
        self.transport.write(exchange.raw)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:  # nothing was asked
            self.transport.close()
            return
        self._parts.append(data)
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()
            return
        if self._size > STREAM_BYTES and self.exchange is exchange and exchange.front is not None:
            exchange.streamed = True
            exchange.front.stream(b"".join(self._parts), self.transport)
            self._parts.clear()

    def on_headers_complete(self) -> None:
        if self.exchange is not None and self.exchange.head:  # announces a body and sends none
            self._finish(reusable=False)

    def on_message_complete(self) -> None:
        if self.exchange is None or self._parser.get_status_code() < 200:  # the real answer follows
            return
        self._finish(reusable=self._parser.should_keep_alive())

    def _finish(self, *, reusable: bool) -> None:
        exchange, self.exchange = self.exchange, None
        backend = self.backend
        backend.active.discard(self)
        if reusable and not backend.gone:
            self.replica.idle.append(self)
        else:
            self.transport.close()
        assert exchange is not None  # noqa: S101 - both callers looked
        self.replica.answered_at = self._router.now()
        if self.replica.down_until:
            self.replica.reached()
        self._router.answered(
            exchange,
            backend,
            self._parser.get_status_code(),
            b"".join(self._parts),
            perf_counter() - self.sent,
            closes=not reusable,
        )

    def connection_lost(self, error: Exception | None) -> None:
        backend = self.backend
        if self in self.replica.idle:
            self.replica.idle.remove(self)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            backend.active.discard(self)
            self._router.failed(exchange, backend, self.replica)
