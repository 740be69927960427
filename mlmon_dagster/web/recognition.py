"""From a request's headers to a caller: by a bearer token, or by a session's cookie, with changes held to our pages."""

from starlette.requests import Request

from mlmon_dagster.errors import DeniedError
from mlmon_dagster.governance.access import Caller, same
from mlmon_dagster.lifecycle.identity import linked_account
from mlmon_dagster.lifecycle.recognition import UnknownCallerError, by_session, by_token
from mlmon_dagster.web.memberships import follow_teams
from mlmon_dagster.web.settings import WebSettings
from mlmon_dagster.web.state import Web

CSRF_HEADER = "X-CSRF-Token"
ALB_HEADER = "x-amzn-oidc-data"
SAFE = ("GET", "HEAD", "OPTIONS")


def cookie_name(settings: WebSettings) -> str:
    """`__Host-` binds a cookie to the host and to https; browsers refuse it elsewhere."""
    return "__Host-mlmon" if settings.secure else "mlmon"


def recognised(request: Request, web: Web) -> Caller:
    """Who calls; raises `UnknownCallerError`, and `DeniedError` for a change that may come from a foreign page.

    A request with an `Authorization` header is judged by that alone.
    """
    header = request.headers.get("authorization")
    if header is not None:
        return _bearer(header, web)
    secret = request.cookies.get(cookie_name(web.settings))
    if secret is None:
        raise UnknownCallerError("this needs a token or a session", hint="Authorization: Bearer mlm_...")
    caller = by_session(web.identity, secret)
    if caller.method == "alb":
        _still_there(request, web, caller)
    if caller.method == "github" and caller.session is not None:
        follow_teams(web, caller.session, secret)
    if request.method not in SAFE:
        refuse_foreign(request, web, caller)
    return caller


def refuse_foreign(request: Request, web: Web, caller: Caller | None = None) -> None:
    """A change comes from a page of this server: it names its origin, and in a session knows the session's token."""
    if request.headers.get("origin") != web.settings.origin:
        raise DeniedError(f"a change takes the header Origin: {web.settings.origin}", code="ORIGIN")
    if caller is None or caller.session is None:
        return
    if not same(request.headers.get(CSRF_HEADER.lower(), ""), caller.session.csrf):
        raise DeniedError(f"a change takes the header {CSRF_HEADER} with the session's token", code="CSRF")


def _still_there(request: Request, web: Web, caller: Caller) -> None:
    """A session behind a load balancer lasts as long as the load balancer says that the same person is there."""
    balancer, header = web.providers.load_balancer, request.headers.get(ALB_HEADER)
    if balancer is None or header is None:
        raise UnknownCallerError("the load balancer says nothing of who is there", hint="log in again")
    if linked_account(web.identity, *balancer.identity(header, web.providers.keys)) != caller.name:
        raise UnknownCallerError("the load balancer says that somebody else is there", hint="log in again")


def _bearer(header: str, web: Web) -> Caller:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer":
        raise UnknownCallerError("expected Authorization: Bearer mlm_...")
    return by_token(web.identity, text.strip())
