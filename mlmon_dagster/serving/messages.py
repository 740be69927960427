"""A request and its answer, as the server's parts hand them to each other, whatever brought them."""

import time
from collections.abc import Callable, Mapping

import msgspec

JSON = b"application/json"
PROBLEM = b"application/problem+json"


class Request:
    """One request with its whole body. Header names are in lower case, each with its last value."""

    __slots__ = ("began", "body", "headers", "method", "path", "query", "route")

    def __init__(self, method: str, path: str, query: bytes, headers: Mapping[bytes, bytes], body: bytes = b"") -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.began = time.perf_counter()
        self.route = "other"
        """The route that answers it, for metrics."""

    @property
    def seconds(self) -> float:
        """How long ago it came."""
        return time.perf_counter() - self.began


def identified(id_: str) -> bytes:
    """The header line that tells the request's id."""
    return b"x-request-id: %b\r\n" % id_.encode()


class Answer(msgspec.Struct):
    """What is sent back."""

    body: bytes = b""
    status: int = 200
    kind: bytes = JSON
    headers: bytes = b""
    """Further header lines, each with its end."""


Reply = Callable[[Answer], None]
"""Called once for each request, on the event loop."""
