"""Logging in and out, and who is recognised."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from mlmon_dagster.errors import DeniedError
from mlmon_dagster.governance.access import SESSION_SPAN, Session
from mlmon_dagster.lifecycle.recognition import by_password, close_session, confirm_session, open_session
from mlmon_dagster.web.documents import TheCaller, TheWeb
from mlmon_dagster.web.fields import Body, Person
from mlmon_dagster.web.recognition import cookie_name, refuse_foreign
from mlmon_dagster.web.route import PUBLIC, SELF, GovernedRoute, address_of, takes
from mlmon_dagster.web.state import Web

router = APIRouter(prefix="/session", tags=["session"], route_class=GovernedRoute)

Password = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=False)]


class Login(Body):
    """Name and password of a local account."""

    name: Person
    password: Password


class Confirmation(Body):
    """The password again."""

    password: Password


class Held(BaseModel):
    """A role that is held."""

    role: str
    project: str


class Recognised(BaseModel):
    """Who calls."""

    name: str
    method: str
    scopes: tuple[str, ...] | None = Field(description="of a token; null in a session")
    roles: tuple[Held, ...]
    csrf: str | None = Field(description="for the header X-CSRF-Token; null for tokens")
    fresh: bool = Field(description="whether approving for prod is possible without confirming first")


@router.post("", status_code=201, response_model=Recognised, **takes(PUBLIC))
def log_in(request: Request, response: Response, web: TheWeb, body: Login) -> Any:
    """Opens a session: its cookie comes with the answer. Never continues one that was there before."""
    refuse_foreign(request, web)
    web.logins.take(f"name {body.name}")
    web.logins.take(f"address {address_of(request)}")
    account = by_password(web.identity, body.name, body.password)
    session, secret = open_session(web.identity, account.id, "password")
    set_cookie(response, web, secret)
    return described(web, session.account, session.method, None, session)


@router.get("", response_model=Recognised, **takes(SELF))
def get_session(web: TheWeb, caller: TheCaller) -> Any:
    """Who is recognised, with which roles."""
    return described(web, caller.name, caller.method, caller.scopes, caller.session)


@router.post("/confirm", response_model=Recognised, **takes(SELF))
def confirm(web: TheWeb, caller: TheCaller, body: Confirmation) -> Any:
    """Enters the password again: approving for prod takes one entered less than 15 minutes ago."""
    web.logins.take(f"name {caller.name}")
    if caller.session is None:
        raise DeniedError("a token cannot be confirmed: it never approves", code="TOKEN_CANNOT_APPROVE")
    session = confirm_session(web.identity, caller.session, body.password)
    return described(web, caller.name, caller.method, None, session)


@router.delete("", status_code=204, response_class=Response, **takes(SELF))
def log_out(response: Response, web: TheWeb, caller: TheCaller) -> None:
    """Ends the session."""
    if caller.session is not None:
        close_session(web.identity, caller.session)
        response.delete_cookie(cookie_name(web.settings), path="/", secure=web.settings.secure, httponly=True)


def set_cookie(response: Response, web: Web, secret: str) -> None:
    """Gives the session's secret to the browser, out of reach of scripts."""
    response.set_cookie(
        cookie_name(web.settings),
        secret,
        max_age=int(SESSION_SPAN.total_seconds()),
        path="/",
        secure=web.settings.secure,
        httponly=True,
        samesite="lax",
    )


def described(
    web: Web, name: str, method: str, scopes: tuple[str, ...] | None, session: Session | None
) -> dict[str, Any]:
    """The caller as the API shows it."""
    from mlmon_dagster.lifecycle.governance import known_actor

    governance = web.premises.governance
    with governance.ledger.read() as reading:
        grants = sorted(known_actor(reading, name).grants)
    return {
        "name": name,
        "method": method,
        "scopes": scopes,
        "roles": [{"role": role, "project": project} for role, project in grants],
        "csrf": session.csrf if session else None,
        "fresh": session.fresh(governance.now()) if session else False,
    }
