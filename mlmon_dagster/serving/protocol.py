"""HTTP/1.1 over one connection: reads requests within limits, answers them in order."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_to_bytes

import httptools

from mlmon_dagster.serving.heads import head_of
from mlmon_dagster.serving.messages import JSON, Answer, Request
from mlmon_dagster.serving.problems import ProblemError

if TYPE_CHECKING:
    from mlmon_dagster.serving.connections import Connections

URL_BYTES = 8_000
HEAD_BYTES = 64_000
WAITING_REQUESTS = 16
"""Requests that one connection may send ahead before it is not read from any more."""

REASONS = {
    200: b"OK", 400: b"Bad Request", 404: b"Not Found", 405: b"Method Not Allowed", 408: b"Request Timeout",
    409: b"Conflict", 413: b"Content Too Large", 414: b"URI Too Long", 415: b"Unsupported Media Type",
    422: b"Unprocessable Content", 431: b"Request Header Fields Too Large", 500: b"Internal Server Error",
    503: b"Service Unavailable", 504: b"Gateway Timeout",
}  # fmt: skip


class Handler(Protocol):
    """What answers requests."""

    def body_limit(self, path: str) -> int:
        """Bytes that a body for this path may have."""
        ...

    def handle(self, request: Request, reply: Any) -> None:
        """Calls `reply` with the answer, now or later; never raises."""
        ...

    def count(self, request: Request, status: int) -> None:
        """Counts an answered request."""
        ...


class HttpConnection(asyncio.Protocol):
    """One connection. Requests that a client sends ahead wait until those before them are answered."""

    def __init__(self, handler: Handler, connections: "Connections") -> None:
        self._handler = handler
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._heads = connections.heads
        self._last_head = b""
        """Of the request before; a head that comes twice is kept."""
        self._head_bytes = 0
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._current: tuple[Request, bool] | None = None
        self._refused: ProblemError | None = None
        """Why nothing more is read; told once the requests before are answered."""
        self.deadline = 0.0
        """When the sweep closes this connection, on the loop's clock; 0 while a request is answered."""
        self.reading = False
        """Whether a request has begun to come and is not whole."""
        self._read: Request | None = None
        """The last request of what has just come, unless it ends the connection."""
        self._reset()

    def _reset(self) -> None:
        self._url, self._path, self._query = b"", "", b""
        self._headers: dict[bytes, bytes] = {}
        self._hosts = 0
        self._body: list[bytes] = []
        self._size = self._body_bytes = 0
        self._head_done = False
        self._limit = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is read or answered."""
        return self._current is None and not self.reading

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._connections.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._waiting.clear()
        self._connections.closed(self)

    def eof_received(self) -> None:
        return None

    def data_received(self, data: bytes) -> None:
        if self._refused is not None:
            return
        begins = not self.reading
        if begins and (request := self._heads.request(data)) is not None:
            self._head_bytes = 0
            self._take(request, True)
            return
        self._read = None
        if not self._head_done:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:  # an offer, which may be ignored
            self._parser = httptools.HttpRequestParser(self)
            if rest := data[upgrade.args[0] :]:
                self.data_received(rest)
        except httptools.HttpParserError as error:
            problem = error.__context__
            self._refuse(problem if isinstance(problem, ProblemError) else ProblemError(400, f"not HTTP: {error}"))
        else:
            if not self._head_done and self._head_bytes > HEAD_BYTES + URL_BYTES:
                self._refuse(ProblemError(431, f"the headers are larger than {HEAD_BYTES} bytes"))
            elif begins and self._read is not None:
                self._remember(data, self._read)

    def on_message_begin(self) -> None:
        self._reset()
        self.reading = True
        if self._current is None:
            self.deadline = self._connections.request_deadline()

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > URL_BYTES:
            raise ProblemError(414, f"the address is longer than {URL_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self._headers[name] = value
        self._size += len(name) + len(value)
        if self._size > HEAD_BYTES:
            raise ProblemError(431, f"the headers are larger than {HEAD_BYTES} bytes")
        if name == b"host":
            self._hosts += 1

    def on_headers_complete(self) -> None:
        self._head_done = True
        headers = self._headers
        if self._hosts != 1 and self._parser.get_http_version() == "1.1":
            raise ProblemError(400, f"expected one Host header, got {self._hosts}")
        self._path, self._query = _path(self._url)
        self._limit = self._handler.body_limit(self._path)
        declared = headers.get(b"content-length", b"0")
        if len(declared) > 17 or (declared.isdigit() and int(declared) > self._limit):
            raise _too_large(self._limit)
        if self._parser.should_upgrade() and (declared != b"0" or b"transfer-encoding" in headers):
            raise ProblemError(400, "a request with a body must not ask for another protocol")
        if b"expect" in headers and headers[b"expect"].lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self._limit:
            raise _too_large(self._limit)
        self._body.append(body)

    def on_message_complete(self) -> None:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(self._parser.get_method().decode(), self._path, self._query, self._headers, body)
        keep_alive = self._parser.should_keep_alive()
        self.reading = False
        self._head_bytes, self._head_done = 0, False
        self._read = request if keep_alive else None
        self._take(request, keep_alive)

    def _remember(self, content: bytes, request: Request) -> None:
        """Keeps the head of a request that was the whole content, if the one before had the same."""
        head = head_of(content, request)
        if head is not None and head == self._last_head:
            self._heads.keep(head, request)
        self._last_head = head or b""

    def _take(self, request: Request, keep_alive: bool) -> None:
        if self._current is not None:
            self._waiting.append((request, keep_alive))
            if len(self._waiting) >= WAITING_REQUESTS and self._transport is not None:
                self._transport.pause_reading()
            return
        self._begin(request, keep_alive)

    def _begin(self, request: Request, keep_alive: bool) -> None:
        self._current = (request, keep_alive)
        self.deadline = 0.0
        self._handler.handle(request, self._reply)

    def _reply(self, answer: Answer) -> None:
        if self._current is None:
            return
        request, keep_alive = self._current
        self._current = None
        self._handler.count(request, answer.status)
        transport = self._transport
        if transport is None:
            return
        close = self._refused is None and (not keep_alive or self._connections.draining)
        body = answer.body
        if answer.status == 200 and answer.kind == JSON and not close and request.method != "HEAD":
            shared = self._connections.usual_head
            transport.write(b"%bcontent-length: %d\r\n%b\r\n%b" % (shared, len(body), answer.headers, body))
        else:
            head = _head(answer, close, self._connections.date)
            transport.write(head if request.method == "HEAD" else head + body)
        if close:
            transport.close()
        elif self._waiting:
            self._next()
        elif self._refused is not None:
            self._tell(self._refused)
        else:
            self.deadline = self._connections.idle_deadline()

    def _next(self) -> None:
        request, keep_alive = self._waiting.popleft()
        if len(self._waiting) == WAITING_REQUESTS - 1 and self._transport is not None:
            self._transport.resume_reading()
        asyncio.get_running_loop().call_soon(self._begin, request, keep_alive)

    def _refuse(self, problem: ProblemError) -> None:
        """Answers what cannot be read, and ends the connection: where the next request begins is not known."""
        self._refused = problem
        self.reading = False
        if self._current is None:
            self._tell(problem)

    def _tell(self, problem: ProblemError) -> None:
        self._handler.count(Request("", "", b"", {}), problem.status)
        if self._transport is not None:
            answer = problem.answer
            self._transport.write(_head(answer, True, self._connections.date) + answer.body)
            self._transport.close()

    def expire(self) -> None:
        """Closes a connection whose request came too slowly, or that nobody has used for long."""
        if self.reading:
            self._refuse(ProblemError(408, "the request was not whole in time"))
        else:
            self.close()

    def close(self) -> None:
        """Ends the connection once what was written is sent."""
        if self._transport is not None:
            self._transport.close()


def _head(answer: Answer, close: bool, date: bytes) -> bytes:
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\ndate: %b\r\n%b%b\r\n" % (
        answer.status,
        REASONS.get(answer.status, b"Unknown"),
        answer.kind,
        len(answer.body),
        date,
        answer.headers,
        b"connection: close\r\n" if close else b"",
    )


def _path(url: bytes) -> tuple[str, bytes]:
    """(path, query); bytes that are no UTF-8 stay visible as such, so that no route is found for them."""
    path, _, query = url.partition(b"?")
    if path[:1] != b"/":
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    if b"%" in path:
        path = unquote_to_bytes(path)
    return path.decode("utf-8", "backslashreplace"), query


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, f"the body is larger than {limit} bytes; send fewer records at a time")
