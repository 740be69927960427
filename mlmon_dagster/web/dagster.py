"""Dagster's own pages behind our entrance: for who is recognised, to look, and never to change anything.

The Dagster webserver has no login, takes mutations over GET and from foreign pages, and reports of assets over POST.
It belongs on a private network, started with `--read-only --path-prefix /dagster`; this stands before it:

1. Whoever comes is recognised, and holds a role in all projects: these pages show all of them.
2. Files and pages come by GET. Nothing else passes but `POST /graphql` with `application/json` from a page of this
   server.
3. A GraphQL document holds queries only; it is parsed here, not searched for words.
4. No cookie and no token of ours goes on, and no cookie comes back. WebSockets are refused: the pages then ask again
   and again.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mlmon_dagster.errors import DeniedError, MlmonError, UnavailableError
from mlmon_dagster.governance.access import Caller
from mlmon_dagster.web.limits import Receive, Scope, Send
from mlmon_dagster.web.problems import ProblemError, problem_of, problem_response
from mlmon_dagster.web.recognition import recognised, refuse_foreign
from mlmon_dagster.web.route import address_of
from mlmon_dagster.web.state import Web

if TYPE_CHECKING:
    import httpx

PREFIX = "/dagster"
READ = ("GET", "HEAD")
PRIVATE = ("/graphql", "/download_debug", "/notebook", "/dagit/notebook", "/report_asset")
"""Addresses that GET does not reach."""

PASSED_ON = ("accept", "accept-language", "content-type", "if-none-match", "if-modified-since", "range", "user-agent")
PASSED_BACK = ("content-type", "content-length", "content-encoding", "etag", "last-modified", "cache-control", "vary")
TIMEOUT_SECONDS = 60


class DagsterPages:
    """ASGI application: hands on what the rules let through."""

    def __init__(self, web: Web, upstream: str) -> None:
        self._web, self._upstream = web, upstream.rstrip("/")
        self._http: httpx.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not through this door"})
            return
        request = Request(scope, receive)
        try:
            response = await self._answer(request, str(scope["path"]).removeprefix(scope.get("root_path", "")))
        except ProblemError as problem:
            response = problem_response(problem)
        except MlmonError as error:
            response = problem_response(problem_of(error))
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response:
        web: Web = request.app.state.web
        if any(part in ("", ".", "..") for part in path.split("/")[1:-1]) or set(path) & set("\\%"):
            raise ProblemError(404, "NO_ROUTE", "there is nothing at this address")
        await run_in_threadpool(_entered, request, web)
        if request.method in READ:
            if path.startswith(PRIVATE):
                raise ProblemError(405, "METHOD", "this is not reached by GET")
            return await self._fetch(request, path, b"")
        if (request.method, path) != ("POST", "/graphql"):
            raise ProblemError(405, "METHOD", f"{request.method} is not possible here")
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            raise ProblemError(415, "TYPE", "expected application/json")
        if request.url.query:
            raise ProblemError(422, "INPUT", "a query belongs into the body")
        refuse_foreign(request, web)
        body = await request.body()
        refuse_changes(body)
        return await self._fetch(request, path, body)

    async def _fetch(self, request: Request, path: str, body: bytes) -> Response:
        import httpx

        if self._http is None:
            once = httpx.Limits(max_keepalive_connections=0)
            self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False, limits=once)
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        query = f"?{request.url.query}" if request.url.query else ""
        url = f"{self._upstream}{PREFIX}{path}{query}"
        try:
            asked = self._http.build_request(request.method, url, headers=headers, content=body or None)
            answer = await self._http.send(asked, stream=True)
        except httpx.HTTPError as error:
            raise UnavailableError(f"the Dagster webserver at {self._upstream} cannot be reached: {error}") from error
        kept = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
        return StreamingResponse(answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose))


def refuse_changes(body: bytes) -> None:
    """Raises `ProblemError` unless the body is a GraphQL request whose every operation is a query.

    `operationName` chooses one of several operations, so all of them count.
    """
    import json

    from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

    document: Any = json.loads(body) if body else None
    if not isinstance(document, Mapping) or not isinstance(document.get("query"), str):
        raise ProblemError(422, "INPUT", "expected one GraphQL request: an object with `query`")
    try:
        parsed = parse(document["query"], max_tokens=20_000)
    except (GraphQLError, RecursionError) as error:
        raise ProblemError(422, "INPUT", "the query is not GraphQL") from error
    for definition in parsed.definitions:
        if isinstance(definition, OperationDefinitionNode) and definition.operation is not OperationType.QUERY:
            raise ProblemError(403, "READ_ONLY", "nothing is changed through Dagster's pages", hint="see docs/api.md")


def _entered(request: Request, web: Web) -> Caller:
    try:
        caller = recognised(_safe(request), web)
    except DeniedError as error:
        web.refusals.note(web.identity, error.code, error.message, address_of(request))
        raise
    web.requests.take(f"caller {caller.name}")
    if not caller.reaches("see"):
        raise DeniedError("the token's scopes do not cover looking", code="SCOPE")
    if not web.desk(caller).standing.sees(None):
        raise DeniedError("Dagster's pages show every project: this takes a role in all of them", code="DENIED")
    return caller


def _safe(request: Request) -> Request:
    """The request as one that only looks: Dagster's pages do not know our header, and what they send is held to its
    origin and to queries."""
    return Request({**request.scope, "method": "GET"})
