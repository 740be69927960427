"""A connection from a client to the router: requests in order, whole, within limits, and their answers in order."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import httptools

from mlmon_dagster.routing.exchange import Exchange, problem

if TYPE_CHECKING:
    from mlmon_dagster.routing.router import Router

HEAD_BYTES = 64 << 10
BODY_BYTES = 64 << 20
PIPELINED = 16
"""Requests that a client may send ahead of their answers."""

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect")
)
"""Headers that concern this connection only (RFC 9110, 7.6.1)."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Front(asyncio.Protocol):
    """Reads requests, hands each to the router, and writes its answer."""

    def __init__(self, router: "Router") -> None:
        self._router = router
        self._waiting: deque[tuple[Exchange | bytes, bool]] = deque()
        self._current: Exchange | None = None
        self._closes = self._paused = self._refused = self._headers_done = False
        self._timer: asyncio.TimerHandle | None = None
        self._slow: asyncio.Transport | None = None
        self.since: float | None = None
        """When the request that is being read began to arrive."""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._router.fronts.add(self)
        self._parser = httptools.HttpRequestParser(self)
        self._reset()

    def connection_lost(self, error: Exception | None) -> None:
        self._router.fronts.discard(self)
        self._waiting.clear()
        self.resume_writing()

    @property
    def idle(self) -> bool:
        """Whether no request is being read or answered."""
        return self.since is None and self._current is None and not self._waiting

    # reading

    def _reset(self) -> None:
        self._data: list[bytes] = []
        self._body: list[bytes] = []
        self._size = 0
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._plain = True
        self._length = 0
        self._id: bytes | None = None
        self._key: bytes | None = None
        self._brought: bytes | None = None
        self._patience: int | None = None
        self.since = None

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self.since is None:
            self.since = self._router.now()
        self._data.append(data)
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._refuse(400, "Bad Request", f"not an HTTP request: {error}")
        if self._size > BODY_BYTES:
            self._refuse(413, "Content Too Large", f"a request may have at most {BODY_BYTES} bytes")
        elif self._size > HEAD_BYTES and not self._headers_done:
            self._refuse(431, "Request Header Fields Too Large", f"headers may have at most {HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        self._headers_done = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        lower = name.lower()
        if lower == b"content-length":
            self._length = int(value)
        elif lower in HOP_BY_HOP:
            self._plain = False
            if lower == b"expect" and value.lower() == b"100-continue":
                self.transport.write(CONTINUE)
        elif lower == b"x-request-id":
            self._id = value
        elif lower == b"idempotency-key":
            self._brought = value
        elif lower == b"x-deadline-ms" and value.isdigit() and len(value) <= 9:  # the version refuses another form
            self._patience = int(value)
        if lower == self._router.sticky:
            self._key = value

    def on_headers_complete(self) -> None:
        self._headers_done = True
        if self._parser.should_upgrade():
            self._refuse(501, "Not Implemented", "this server does not change protocols")
        elif self._length > BODY_BYTES:
            self._refuse(413, "Content Too Large", f"a request may have at most {BODY_BYTES} bytes")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._refused:
            return
        method = self._parser.get_method()
        keeps = self._parser.should_keep_alive()
        own = self._router.own_page(self._url) if method == b"GET" else None
        if own is not None:
            self._take(own, keeps)
        else:
            key = self._key or self._brought or self._id  # sent again, a request meets the process that answered it
            exchange = Exchange(self, self._raw(method), key, self._router.deadline(), method)
            if self._patience is not None:
                exchange.patience_ms, begun = self._patience, self.since or self._router.now()
                exchange.deadline = min(exchange.deadline, begun + self._patience / 1000)
            self._take(exchange, keeps)
        self._reset()

    def _raw(self, method: bytes) -> bytes:
        """The request as it is sent on: as it came where it came whole and alone, else written anew."""
        extra = b"" if self._id is not None else b"x-request-id: %b\r\n" % self._router.next_id()
        raw = self._data[0] if len(self._data) == 1 else b"".join(self._data)
        if self._plain and self._parser.get_http_version() == "1.1":
            end = raw.find(b"\r\n\r\n")
            if end > 0 and end + 4 + self._length == len(raw):
                return b"%b%b%b" % (raw[: end + 2], extra, raw[end + 2 :]) if extra else raw
        body = b"".join(self._body)
        lines = [b"%b %b HTTP/1.1\r\n" % (method, self._url)]
        lines += [
            b"%b: %b\r\n" % (name, value)
            for name, value in self._headers
            if name.lower() not in HOP_BY_HOP and name.lower() != b"content-length"
        ]
        if body or method in (b"POST", b"PUT", b"PATCH"):
            lines.append(b"content-length: %d\r\n" % len(body))
        return b"".join([*lines, extra, b"\r\n", body])

    def _take(self, what: Exchange | bytes, keeps: bool) -> None:
        self._waiting.append((what, keeps))
        if len(self._waiting) > PIPELINED and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        if self._current is None:
            self._next()

    def _next(self) -> None:
        """The next request, if there is one: a client's requests are answered in order."""
        while self._waiting and self._current is None and not self.transport.is_closing():
            what, keeps = self._waiting.popleft()
            self._closes = not keeps
            if isinstance(what, bytes):
                self._write(what)
                continue
            self._current = what
            if what.patience_ms is not None:
                self._timer = self._router.call_at(what.deadline, self._expire, what)
            self._router.dispatch(what)
        if self._paused and len(self._waiting) <= PIPELINED and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    # answering

    def reply(self, answer: bytes, *, closes: bool = False) -> None:
        """The whole answer, or its last part, to the current request."""
        self._closes = self._closes or closes
        self._current = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._write(answer)
        if self._waiting:
            self._next()

    def _expire(self, exchange: Exchange) -> None:
        """The client waits no longer: whatever still comes of its request goes to nobody."""
        if self._current is exchange and not exchange.streamed:
            exchange.front = None
            detail = f"the answer took longer than the {exchange.patience_ms} ms that the client waits"
            self.reply(problem(504, "Gateway Timeout", detail))

    def stream(self, part: bytes, source: asyncio.Transport) -> None:
        """A part of the answer; `source` is held back while the client does not read."""
        self._slow = source
        if not self.transport.is_closing():
            self.transport.write(part)

    def pause_writing(self) -> None:
        if self._slow is not None:
            self._slow.pause_reading()

    def resume_writing(self) -> None:
        if self._slow is not None and not self._slow.is_closing():
            self._slow.resume_reading()

    def _write(self, answer: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._router.draining and not self._closes:
            answer = answer.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
            self._closes = True
        self.transport.write(answer)
        if self._closes:
            self.transport.close()

    def abort(self) -> None:
        """Ends the connection: part of an answer has gone out, and the rest is lost."""
        self.transport.abort()

    def late(self) -> None:
        """The client has not sent its request whole in time."""
        self._refuse(408, "Request Timeout", "the request did not arrive whole in time")

    def _refuse(self, status: int, title: str, detail: str) -> None:
        """Answers in its turn that this is no request to go on with; nothing more is read from the client."""
        if not self._refused:
            self._refused = True
            self._take(problem(status, title, detail, more=b"connection: close\r\n"), keeps=False)
