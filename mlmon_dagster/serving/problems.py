"""Refused requests: what a client did wrong, as `application/problem+json`."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from mlmon_dagster.errors import DataError
from mlmon_dagster.serving.messages import PROBLEM, Answer, Request

TITLES = {
    400: "The request cannot be read",
    404: "Not found",
    405: "Method not allowed",
    408: "The request came too slowly",
    409: "The request id was used for another request",
    413: "The body is too large",
    414: "The address is too long",
    415: "The body has another type than is accepted",
    422: "The features do not fit the model",
    431: "The headers are too large",
    500: "The server failed",
    503: "The server cannot answer now",
    504: "The deadline has passed",
}

RETRY_SECONDS = 1
"""What a client is told to wait when the server cannot answer now."""


class ProblemError(Exception):
    """A request that is answered with `status` and a sentence; `facts` say which features are concerned."""

    def __init__(self, status: int, detail: str, facts: Mapping[str, Any] | None = None, headers: bytes = b"") -> None:
        super().__init__(detail)
        self.headers = headers
        self.status = status
        self.detail = detail
        self.facts = dict(facts or {})

    @property
    def answer(self) -> Answer:
        """The problem as RFC 9457 has it."""
        body = {"type": "about:blank", "title": TITLES.get(self.status, "Refused"), "status": self.status}
        content = json.dumps({**body, "detail": self.detail, **self.facts}, ensure_ascii=True).encode()
        retry = b"retry-after: %d\r\n" % RETRY_SECONDS if self.status == 503 else b""
        return Answer(content, self.status, PROBLEM, self.headers + retry)


def failed(request: Request) -> Answer:
    """A plain 500 for what nobody expected; the log says what it was."""
    logging.getLogger("mlmon.serving").exception("%s failed", request.path)
    return ProblemError(500, "the server failed; its log says why").answer


def refusal(error: Exception) -> Exception:
    """What a client is told when the model does not take its values."""
    if isinstance(error, DataError):
        return ProblemError(422, error.message)
    if isinstance(error, ValueError | TypeError):
        return ProblemError(422, f"the model cannot take these features: {str(error).splitlines()[0]}")
    return error
