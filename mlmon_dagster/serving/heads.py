"""Heads of requests that were read before: a client that keeps its connection sends the same bytes again and again."""

from collections.abc import Mapping
from typing import NamedTuple

from mlmon_dagster.serving.messages import Request

END = b"\r\n\r\n"
HEADS = 256
HEAD_BYTES = 2_000
"""A longer one is read each time."""


class Head(NamedTuple):
    """What a head says, and how long the body behind it is."""

    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    length: int


class KnownHeads:
    """Up to 256 heads by their bytes. The same bytes say the same, so nothing of them needs to be read again.

    Only heads of `POST` requests are kept that leave the connection open and whose body is as long as they say.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def request(self, content: bytes) -> Request | None:
        """The request, if the bytes are exactly one with a known head."""
        end = content.find(END) + 4
        head = self._known.get(content[:end])
        if head is None or len(content) != end + head.length:
            return None
        return Request("POST", head.path, head.query, head.headers, content[end:])

    def keep(self, head: bytes, request: Request) -> None:
        """Keeps the head of a request that was read."""
        if len(self._known) >= HEADS:
            del self._known[next(iter(self._known))]
        self._known[head] = Head(request.path, request.query, request.headers, len(request.body))


def head_of(content: bytes, request: Request) -> bytes | None:
    """The head of bytes that are exactly this request, if it is one that may be kept."""
    end = len(content) - len(request.body)
    headers = request.headers
    plain = request.method == "POST" and b"transfer-encoding" not in headers and b"expect" not in headers
    if not plain or end > HEAD_BYTES or content.find(END) + 4 != end:
        return None
    return content[:end]
