"""One request on its way: from the client to a version, to another if that one fails, and the answer back."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlmon_dagster.routing.front import Front
    from mlmon_dagster.routing.table import Backend


class Exchange:
    """A request as it is sent on, and what was tried with it. Without `front` nobody waits for its answer."""

    __slots__ = ("deadline", "front", "head", "key", "patience_ms", "post", "raw", "shadow", "streamed", "tried")

    def __init__(self, front: "Front | None", raw: bytes, key: bytes | None, deadline: float, method: bytes) -> None:
        self.front = front
        self.raw = raw
        self.key = key
        self.deadline = deadline
        self.patience_ms: int | None = None
        """What the client says in `X-Deadline-Ms`; the deadline is no later."""
        self.head = method == b"HEAD"
        self.post = method == b"POST"
        self.tried: tuple[Backend, ...] = ()
        self.streamed = False
        """Whether part of the answer has gone to the client: then nobody else can give it."""
        self.shadow: ShadowedPair | None = None


class ShadowedPair:
    """The answers of the live version and of the shadow to one request, compared when both are there."""

    __slots__ = ("backend", "bodies")

    def __init__(self, backend: "Backend") -> None:
        self.backend = backend
        self.bodies: dict[str, bytes | None] = {}

    def answered(self, who: str, status: int, answer: bytes) -> None:
        """`who` is `live` or `shadow`."""
        self.bodies[who] = answer.partition(b"\r\n\r\n")[2] if status == 200 else None
        if len(self.bodies) == 2 and self.bodies["live"] is not None:
            self.backend.tally.differed(difference(self.bodies["live"], self.bodies["shadow"]))


def difference(one: bytes, other: bytes | None) -> float | None:
    """Largest absolute difference of the predictions in two JSON answers; `None` where they cannot be compared."""
    try:
        mine, yours = (_predictions(json.loads(body or b"null")) for body in (one, other))
    except ValueError:
        return None
    if mine is None or yours is None or len(mine) != len(yours):
        return None
    try:
        return max((abs(a - b) for a, b in zip(mine, yours, strict=True)), default=0.0)
    except TypeError:
        return 0.0 if mine == yours else None


def _predictions(body: object) -> list[float] | None:
    if not isinstance(body, dict):
        return None
    if "prediction" in body:
        return [body["prediction"]]
    found = body.get("predictions")
    if not isinstance(found, list):
        return None
    return [one["prediction"] if isinstance(one, dict) and "prediction" in one else one for one in found]


def problem(status: int, title: str, detail: str, *, more: bytes = b"") -> bytes:
    """A whole answer as RFC 9457 has it, by the router itself."""
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
    head = b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\n%s\r\n"
    return head % (status, title.encode(), len(body), more) + body
