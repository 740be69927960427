"""Failures as `application/problem+json` (RFC 9457), each with a stable code."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from mlmon_dagster.errors import (
    BlockedError,
    ChangedError,
    DeniedError,
    InputError,
    InvalidPipelineError,
    MissingError,
    MlmonError,
    UnavailableError,
)
from mlmon_dagster.web.fields import FORMS

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2
OUT_OF_REACH = "something this needs cannot be reached now"

STATUS: tuple[tuple[type[MlmonError], int], ...] = (
    (MissingError, 404),
    (DeniedError, 403),
    (ChangedError, 412),
    (BlockedError, 409),
    (UnavailableError, 503),
    (InputError, 422),
    (MlmonError, 502),
)
"""The first kind that fits decides."""

TITLES = {
    400: "Not readable",
    401: "Nobody was recognised",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Not in this state",
    412: "Changed in the meantime",
    413: "Too large",
    414: "The address is too long",
    415: "Not application/json",
    421: "Not this host",
    422: "Not acceptable",
    428: "A condition is missing",
    429: "Too many requests",
    431: "The headers are too large",
    500: "The server failed",
    503: "Something needed is unavailable",
}


class ProblemError(Exception):
    """A request that is answered with a status, a stable code and a sentence."""

    def __init__(
        self, status: int, code: str, detail: str, *, hint: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.hint = status, code, detail, hint
        self.headers = dict(headers or {})


def problem_document(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """The body of a problem."""
    given = {name: value for name, value in more.items() if value is not None}
    body = {"type": "about:blank", "title": TITLES.get(status, "Refused"), "status": status}
    return {**body, "code": code, "detail": detail, **given}


def problem_response(problem: ProblemError) -> JSONResponse:
    """The answer to a refused request."""
    body = problem_document(problem.status, problem.code, problem.detail, hint=problem.hint)
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def problem_of(error: MlmonError) -> ProblemError:
    """The problem that an error of the product is; where what is out of reach stands, the log says only."""
    status = 401 if error.code == "UNAUTHENTICATED" else next(one for kind, one in STATUS if isinstance(error, kind))
    if status == 503:
        logging.getLogger("mlmon.web").error("out of reach: %s", error.message)
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return ProblemError(503, error.code, OUT_OF_REACH, hint="GET /api/health/ready says which", headers=headers)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return ProblemError(status, error.code, error.message, hint=error.hint, headers=headers)


def answer_problems(app: FastAPI, show: Callable[[Request, ProblemError], Awaitable[Response]]) -> None:
    """Every failure of the application becomes a problem; what nobody expected is told in the log only.

    `show` makes a page of the problem that nothing is at an address, for a person who asks a browser for it.
    """

    @app.exception_handler(ProblemError)
    async def refused(_: Request, problem: ProblemError) -> Response:
        return problem_response(problem)

    @app.exception_handler(MlmonError)
    async def failed(_: Request, error: MlmonError) -> Response:
        if isinstance(error, InvalidPipelineError):
            found = [{"path": _path(one.path), "message": one.message, "code": one.code} for one in error.problems]
            body = problem_document(422, error.code, "the pipeline has mistakes", errors=found)
            return JSONResponse(body, 422, media_type=MEDIA_TYPE)
        return problem_response(problem_of(error))

    @app.exception_handler(HTTPException)
    async def no_such_route(request: Request, error: HTTPException) -> Response:
        code = {404: "NO_ROUTE", 405: "METHOD"}.get(error.status_code, "HTTP")
        detail = {404: "there is nothing at this address", 405: f"{request.method} is not possible here"}
        said = detail.get(error.status_code, str(error.detail))
        problem = ProblemError(error.status_code, code, said, headers=error.headers)
        return await show(request, problem) if _by_a_person(request) else problem_response(problem)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        """What was given is not repeated: it may be a secret."""
        found = [{"path": _path(one["loc"]), "message": _said(one), "code": one["type"]} for one in error.errors()]
        detail = "; ".join(f"{one['path']}: {one['message']}" for one in found[:5])
        return JSONResponse(problem_document(422, "INPUT", detail, errors=found), 422, media_type=MEDIA_TYPE)


def _by_a_person(request: Request) -> bool:
    """Whether a browser asks for a page: programs do not ask for `text/html`, and below `/api` they alone are told."""
    path = request.url.path
    return "text/html" in request.headers.get("accept", "") and path != "/api" and not path.startswith("/api/")


def _said(one: Mapping[str, Any]) -> str:
    """What was expected; a pattern in words where it has some."""
    pattern = one.get("ctx", {}).get("pattern")
    return f"expected {FORMS[pattern]}" if pattern in FORMS else str(one["msg"])


def _path(parts: Any) -> str:
    return ".".join(str(part) for part in parts)
