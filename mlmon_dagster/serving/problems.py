"""Refused requests: what a client did wrong, as `application/problem+json`."""

from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse

TITLES = {
    400: "The body is not JSON",
    405: "Method not allowed",
    404: "Not found",
    411: "Length required",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "The features do not fit the model",
    500: "The server failed",
    503: "The server cannot answer now",
}


class ProblemError(Exception):
    """A request that is answered with `status` and a sentence; `facts` say which features are concerned."""

    def __init__(self, status: int, detail: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.facts = dict(facts or {})


def problem_response(problem: ProblemError) -> JSONResponse:
    """The problem as RFC 9457 has it."""
    body = {"type": "about:blank", "title": TITLES.get(problem.status, "Refused"), "status": problem.status}
    return JSONResponse(
        {**body, "detail": problem.detail, **problem.facts}, problem.status, media_type="application/problem+json"
    )
