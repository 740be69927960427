"""Answers by request id, so that a request which is sent again gets the answer it had."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from mlmon_dagster.serving.messages import Answer, Reply, Request
from mlmon_dagster.serving.problems import ProblemError

IDS = 10_000
BYTES = 32_000_000
LONGEST_ID = 128
_ALLOWED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-")

REPLAYED = b"idempotent-replay: true\r\n"


@dataclass
class _Known:
    content: bytes
    """A digest of what was asked."""
    answer: Answer | None = None
    waiting: list[Reply] = field(default_factory=list)


class Replays:
    """The newest answers to requests that brought an id (`Idempotency-Key` or `X-Request-Id`): 10,000, at most 32 MB.

    A refusal is not kept: the same id may try again.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._bytes = 0
        self.replayed = 0

    def seen(self, id_: str, request: Request, reply: Reply) -> bool:
        """Whether the id was used before for the same request; then it gets that answer, once it is there.

        Raises `ProblemError` 409 when it was used for another one.
        """
        content = hashlib.blake2b(request.path.encode() + b"\0" + request.body, digest_size=16).digest()
        known = self._known.get(id_)
        if known is None:
            self._known[id_] = _Known(content)
            self._shrink()
            return False
        if known.content != content:
            raise ProblemError(409, f"request id {id_} was used for another request")
        self.replayed += 1
        if known.answer is None:
            known.waiting.append(reply)
        else:
            reply(_again(known.answer))
        return True

    def answered(self, id_: str, answer: Answer) -> None:
        """Keeps the answer, and gives it to those who asked meanwhile."""
        known = self._known.get(id_)
        if known is None:
            return
        if answer.status == 200:
            known.answer = answer
            self._bytes += len(answer.body)
            self._shrink()
        else:
            del self._known[id_]
        for reply in known.waiting:
            reply(_again(answer) if answer.status == 200 else answer)
        known.waiting = []

    def _shrink(self) -> None:
        while len(self._known) > IDS or self._bytes > BYTES:
            oldest, known = next(iter(self._known.items()))
            if known.answer is None:
                return  # it is being answered: everything behind it is newer
            self._bytes -= len(known.answer.body)
            del self._known[oldest]


def request_id(request: Request) -> str | None:
    """The id that the request brought, if any; `ProblemError` 400 for one that cannot be an id."""
    headers = request.headers
    name = b"idempotency-key" if b"idempotency-key" in headers else b"x-request-id"
    if name not in headers:
        return None
    value = headers[name]
    if not 0 < len(value) <= LONGEST_ID or not _ALLOWED.issuperset(value):
        raise ProblemError(400, f"{name.decode()} must be 1 to {LONGEST_ID} letters, digits or . _ : - characters")
    return value.decode()


def _again(answer: Answer) -> Answer:
    return Answer(answer.body, answer.status, answer.kind, answer.headers + REPLAYED)
