"""How every route of the API is entered: known permission, recognised caller, scope, rate, one answer for one key."""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from mlmon_dagster.errors import DeniedError
from mlmon_dagster.governance.access import Caller
from mlmon_dagster.governance.roles import PERMITTED
from mlmon_dagster.web.problems import ProblemError
from mlmon_dagster.web.recognition import recognised
from mlmon_dagster.web.state import Web

PUBLIC = "public"
SELF = "self"
VERBS = frozenset(permission.partition(":")[0] for permission in PERMITTED)
"""What a route may ask for besides `public` (anybody) and `self` (anybody who is recognised)."""

KEY_HEADER = "Idempotency-Key"
LONGEST_KEY = 200


def takes(permission: str, **more: Any) -> dict[str, Any]:
    """The keyword arguments of a route that takes this permission; the command behind it judges it for the project."""
    if permission not in (PUBLIC, SELF, *VERBS):
        raise ValueError(f"{permission!r} is not in the table of roles")
    security: list[dict[str, list[str]]] = [] if permission == PUBLIC else [{"token": []}, {"session": []}]
    return {"openapi_extra": {"x-permission": permission, "security": security}, **more}


class GovernedRoute(APIRoute):
    """A route that refuses to be made without a permission."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        extra = self.openapi_extra or {}
        if "x-permission" not in extra:
            raise ValueError(f"{self.path} has no permission: declare it with **takes(...)")
        self.permission = str(extra["x-permission"])

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the entrance."""
        answer = super().get_route_handler()
        permission = str((self.openapi_extra or {})["x-permission"])
        queries = {one.alias for one in self.dependant.query_params} | _nested(self)

        async def enter(request: Request) -> Response:
            web: Web = request.app.state.web
            _refuse_unknown_queries(request, queries)
            caller = await run_in_threadpool(entered, request, web, permission)
            request.state.caller = caller
            key = request.headers.get(KEY_HEADER)
            if caller is None:
                return await _watched(request, web, answer)
            if key is None or request.method == "GET":
                return await answer(request)
            return await _once(request, web, caller, key, answer)

        return enter


def _nested(route: APIRoute) -> set[str]:
    return {query.alias for inner in route.dependant.dependencies for query in inner.query_params}


def _refuse_unknown_queries(request: Request, known: set[str]) -> None:
    for name in request.query_params:
        if name not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "there is none here"
            raise ProblemError(422, "INPUT", f"query: no parameter {name[:64]!r}; {there}")
    if len(request.query_params.multi_items()) > len(request.query_params):
        raise ProblemError(422, "INPUT", "query: a parameter comes more than once")


def entered(request: Request, web: Web, permission: str) -> Caller | None:
    """Who comes in with this permission, counted against their rate; nobody by name where it is `public`."""
    if permission == PUBLIC:
        web.requests.take(f"address {address_of(request)}")
        return None
    try:
        caller = recognised(request, web)
    except DeniedError as error:
        web.requests.take(f"address {address_of(request)}")
        web.refusals.note(web.identity, error.code, error.message, address_of(request))
        raise
    web.requests.take(f"caller {caller.name}")
    if permission != SELF and not caller.reaches(permission):
        _refuse_scope(caller, permission)
    return caller


def address_of(request: Request) -> str:
    """Where the request came from; behind a proxy that is trusted, the server has put the browser's address here."""
    return request.client.host if request.client else "unknown"


def _refuse_scope(caller: Caller, permission: str) -> None:
    if permission == "approve":
        raise DeniedError(
            "a token cannot approve: a person does, in a session",
            hint="mlmon login, or in the browser",
            code="TOKEN_CANNOT_APPROVE",
        )
    scopes = ", ".join(caller.scopes or ())
    raise DeniedError(f"the token's scopes ({scopes}) do not cover this ({permission})", code="SCOPE")


async def _watched(request: Request, web: Web, answer: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    """Where people show who they are, whoever is refused is noted."""
    try:
        return await answer(request)
    except DeniedError as error:
        given = (web.identity, error.code, error.message, address_of(request))
        await run_in_threadpool(web.refusals.note, *given)
        raise


async def _once(
    request: Request, web: Web, caller: Caller, key: str, answer: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    """The same key with the same request gets the answer that was given; with another request it is refused.

    Only what was done is kept: a refusal is judged anew when it comes again.
    """
    if not 1 <= len(key) <= LONGEST_KEY:
        raise ProblemError(422, "INPUT", f"{KEY_HEADER} has 1 to {LONGEST_KEY} characters")
    id = hashlib.sha256(f"{caller.name}\n{key}".encode()).hexdigest()
    asked = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + await request.body()).hexdigest()
    now = web.premises.governance.now()
    known = await run_in_threadpool(web.answers.claim, id, asked, now)
    if known is not None:
        if known.asked != asked:
            raise ProblemError(409, "IDEMPOTENCY_CONFLICT", f"this {KEY_HEADER} was used for another request")
        if not known.status:
            raise ProblemError(409, "IN_PROGRESS", "the same request is being answered", headers={"Retry-After": "1"})
        headers = {"Idempotent-Replay": "true"}
        return Response(known.body, known.status, headers=headers, media_type="application/json")
    try:
        response = await answer(request)
    except BaseException:
        await run_in_threadpool(web.answers.forget, id)
        raise
    await run_in_threadpool(web.answers.keep, id, response.status_code, bytes(response.body))
    return response
