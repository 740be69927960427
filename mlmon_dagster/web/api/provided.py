"""Logging in with GitHub or behind an AWS load balancer, and tokens for runs of GitHub Actions."""

import hmac
import secrets
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from mlmon_dagster.errors import DeniedError, MissingError
from mlmon_dagster.governance.access import Used, digest
from mlmon_dagster.lifecycle.identity import linked_account
from mlmon_dagster.lifecycle.provided import Recognised as Person
from mlmon_dagster.lifecycle.provided import enter_from_github, enter_from_workflow
from mlmon_dagster.lifecycle.recognition import UnknownCallerError, open_session
from mlmon_dagster.web.api.session import Recognised, described, set_cookie
from mlmon_dagster.web.api.tokens import IssuedToken, document
from mlmon_dagster.web.documents import TheWeb
from mlmon_dagster.web.memberships import keep_membership
from mlmon_dagster.web.recognition import ALB_HEADER, refuse_foreign
from mlmon_dagster.web.route import PUBLIC, GovernedRoute, address_of, takes
from mlmon_dagster.web.state import Web

router = APIRouter(prefix="/session", tags=["session"], route_class=GovernedRoute)

FLOW = timedelta(minutes=10)
"""How long a person may take at GitHub."""

Code = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Place = Annotated[str, StringConstraints(pattern=r"^/([A-Za-z0-9_-][A-Za-z0-9_./?=&%-]{0,500})?$")]
"""A page of this server."""


@router.get("/github", status_code=302, response_class=RedirectResponse, **takes(PUBLIC))
def start_github(request: Request, web: TheWeb, next: Place = "/docs") -> Any:
    """Sends the browser to GitHub; what comes back has to come to this browser, once, within ten minutes."""
    login = _github(web)
    web.logins.take(f"address {address_of(request)}")
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    until = web.premises.governance.now() + FLOW
    web.identity.credentials.save(Used(f"oauth|{digest(state)}", until, f"{verifier} {next}"))
    answer = RedirectResponse(login.authorize_url(_redirect(web), state, verifier), 302)
    _keep_state(answer, web, state, int(FLOW.total_seconds()))
    return answer


@router.get("/github/callback", status_code=302, response_class=RedirectResponse, **takes(PUBLIC))
def finish_github(
    request: Request, web: TheWeb, state: Code, code: Code | None = None, error: Code | None = None
) -> Any:
    """Where GitHub sends the browser back: opens a session, with the roles that the person's teams give now."""
    login, kept = _github(web), request.cookies.get(_state_cookie(web), "")
    flow = web.identity.credentials.one(Used, f"oauth|{digest(state)}")
    once = flow is not None and web.identity.credentials.remove(Used, flow.id)
    if flow is None or not once or not hmac.compare_digest(kept.encode(), state.encode()):
        raise UnknownCallerError("this login was not started in this browser, or is over", hint="log in again")
    if web.premises.governance.now() >= flow.until:
        raise UnknownCallerError("this login took too long", hint="log in again")
    if code is None or error is not None:
        raise UnknownCallerError("GitHub says that the login was not permitted")
    verifier, _, place = flow.value.partition(" ")
    token = login.exchange(code, _redirect(web), verifier)
    user = login.user(token)
    name = enter_from_github(web.identity, Person(user.number, user.name, web.providers.roles(user.teams)))
    session, secret = open_session(web.identity, name, "github")
    keep_membership(web, session, secret, user, token)
    answer = RedirectResponse(place, 302)
    set_cookie(answer, web, secret)
    _keep_state(answer, web, "", 0)
    return answer


@router.post("/alb", status_code=201, response_model=Recognised, **takes(PUBLIC))
def enter_from_load_balancer(request: Request, response: Response, web: TheWeb) -> Any:
    """Opens a session for whom the load balancer in front of this server says who is there."""
    if web.providers.load_balancer is None:
        raise MissingError("no load balancer is declared (MLMON_ALB_ARN)")
    refuse_foreign(request, web)
    header = request.headers.get(ALB_HEADER)
    if header is None:
        raise UnknownCallerError("the load balancer says nothing of who is there")
    issuer, subject = web.providers.load_balancer.identity(header, web.providers.keys)
    name = linked_account(web.identity, issuer, subject)
    if name is None:
        raise DeniedError(
            f"nobody here is {subject} of {issuer}",
            hint=f"an admin links the person: mlmon accounts link NAME --issuer {issuer} --subject {subject}",
            code="UNLINKED",
        )
    session, secret = open_session(web.identity, name, "alb")
    set_cookie(response, web, secret)
    return described(web, name, "alb", None, session)


@router.post("/actions", status_code=201, response_model=IssuedToken, **takes(PUBLIC))
def enter_from_actions(request: Request, web: TheWeb) -> Any:
    """Exchanges a GitHub Actions OIDC token for one that looks and requests, for fifteen minutes; it counts once.

    It comes as `Authorization: Bearer`, and acts for the person who started the workflow.
    """
    actions = web.providers.actions
    if actions is None:
        raise MissingError("no repository is declared (MLMON_ACTIONS_REPOSITORIES)")
    web.logins.take(f"address {address_of(request)}")
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise UnknownCallerError("expected the workflow's token as Authorization: Bearer")
    claims = actions.claims(text.strip(), web.providers.keys)
    issued = enter_from_workflow(web.identity, claims, issuer=actions.issuer)
    return {**document(issued.token), "token": issued.text}


def _github(web: Web) -> Any:
    if web.providers.github is None:
        raise MissingError("GitHub is not declared (MLMON_GITHUB_CLIENT_ID)")
    return web.providers.github


def _redirect(web: Web) -> str:
    return f"{web.settings.url}/api/session/github/callback"


def _state_cookie(web: Web) -> str:
    return "__Host-mlmon-state" if web.settings.secure else "mlmon-state"


def _keep_state(answer: Response, web: Web, state: str, seconds: int) -> None:
    answer.set_cookie(
        _state_cookie(web), state, max_age=seconds, path="/", secure=web.settings.secure, httponly=True, samesite="lax"
    )
