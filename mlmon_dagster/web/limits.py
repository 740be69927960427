"""What a request may be, checked before anything reads it: size, time, address, encoding, content type.

Servers of ASGI applications check none of it: a body of any size and speed would reach the routes.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import anyio

from mlmon_dagster.web.problems import ProblemError, problem_response
from mlmon_dagster.web.strict_json import read_json

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODIES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Bounds:
    """The limits, and hosts by which the server may be addressed."""

    hosts: frozenset[str]
    body_bytes: int = 1_000_000
    header_bytes: int = 64_000
    target_bytes: int = 8_000
    first_seconds: float = 10
    body_seconds: float = 30
    plain: frozenset[str] = frozenset({"/api/webhooks/sns"})
    """Addresses whose JSON may come as `text/plain`, as Amazon SNS sends it."""


class Limits:
    """ASGI middleware: refuses what is outside of the bounds, and hands on a body that was read whole."""

    def __init__(self, app: App, bounds: Bounds) -> None:
        self._app, self._bounds = app, bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            headers = self._checked(scope)
            body = await self._body(scope, headers, receive)
        except ProblemError as problem:
            problem.headers.setdefault("Connection", "close")
            await problem_response(problem)(scope, receive, send)
            return
        await self._app(scope, receive if body is None else _replay(body, receive), send)

    def _checked(self, scope: Scope) -> Mapping[bytes, bytes]:
        bounds, headers = self._bounds, dict(scope["headers"])
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > bounds.target_bytes:
            raise ProblemError(414, "TARGET", f"the address has more than {bounds.target_bytes} bytes")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > bounds.header_bytes:
            raise ProblemError(431, "HEADERS", f"the headers have more than {bounds.header_bytes} bytes")
        if b"content-length" in headers and b"transfer-encoding" in headers:
            raise ProblemError(400, "FRAMING", "the request says in two ways where it ends")
        _check_host(headers, bounds.hosts)
        _check_path(scope)
        return headers

    async def _body(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._bounds.body_bytes:
            raise self._too_large()
        if scope["method"] not in BODIES and declared in (b"", b"0") and b"transfer-encoding" not in headers:
            return None
        try:
            with anyio.fail_after(self._bounds.body_seconds):
                content = await self._read(receive)
        except TimeoutError:
            raise ProblemError(408, "SLOW", "the body came too slowly") from None
        if content and scope["method"] in BODIES:
            _check_type(headers, plain=scope["path"] in self._bounds.plain)
            read_json(content)
        return content

    async def _read(self, receive: Receive) -> bytes:
        content = bytearray()
        with anyio.fail_after(self._bounds.first_seconds):
            message = await receive()
        while True:
            if message["type"] == "http.disconnect":
                raise ProblemError(400, "CUT", "the connection ended before the body did")
            content += message.get("body", b"")
            if len(content) > self._bounds.body_bytes:
                raise self._too_large()
            if not message.get("more_body"):
                return bytes(content)
            message = await receive()

    def _too_large(self) -> ProblemError:
        return ProblemError(413, "BODY", f"the body has more than {self._bounds.body_bytes} bytes")


def _check_host(headers: Mapping[bytes, bytes], hosts: frozenset[str]) -> None:
    """An address that a stranger's name server made up does not reach a server on this machine."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if not host:
        raise ProblemError(400, "HOST", "the request names no host")
    if host not in hosts and "*" not in hosts:
        raise ProblemError(421, "HOST", "this server is not reached by that name", hint="set MLMON_WEB_URL")


def _check_path(scope: Scope) -> None:
    raw = unquote_to_bytes(scope.get("raw_path") or scope["path"].encode())
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ProblemError(404, "NO_ROUTE", "there is nothing at this address") from None
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ProblemError(404, "NO_ROUTE", "there is nothing at this address")


def _check_type(headers: Mapping[bytes, bytes], *, plain: bool) -> None:
    kind, _, parameters = headers.get(b"content-type", b"").decode("latin-1").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "").removeprefix("charset=")
    known = kind.strip() == "application/json" or (plain and kind.strip() == "text/plain")
    if not known or charset not in ("", "utf-8"):
        raise ProblemError(415, "TYPE", f"expected application/json in UTF-8, got {kind.strip()[:100] or 'no type'}")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise ProblemError(415, "ENCODING", "compressed bodies are not accepted")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hands out the body once, then what the server has to say."""
    told = False

    async def once() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
