"""Tokens for programs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from mlmon_dagster.errors import DeniedError, MissingError
from mlmon_dagster.governance.access import LONGEST_TOKEN_DAYS, Caller, Token
from mlmon_dagster.lifecycle import identity as commands
from mlmon_dagster.web.documents import TheCaller, TheWeb
from mlmon_dagster.web.fields import Body, Text
from mlmon_dagster.web.route import SELF, GovernedRoute, takes

router = APIRouter(prefix="/tokens", tags=["session"], route_class=GovernedRoute)

Scope = Literal["read", "request", "operate", "admin"]


class TokenRequest(Body):
    """What the token is for."""

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)]
    days: Annotated[int, Field(ge=1, le=LONGEST_TOKEN_DAYS)] = 30
    label: Text = ""


class TokenDocument(BaseModel):
    """A token; neither its text nor its digest is ever shown."""

    id: str
    account: str
    label: str
    scopes: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class IssuedToken(TokenDocument):
    """A new token with its text."""

    token: str = Field(description="shown once")


@router.get("", response_model=tuple[TokenDocument, ...], **takes(SELF))
def list_tokens(web: TheWeb, caller: TheCaller) -> Any:
    """The caller's own tokens, newest last."""
    return [document(token) for token in commands.tokens(web.identity, caller.name)]


@router.post("", status_code=201, response_model=IssuedToken, **takes(SELF))
def issue_token(web: TheWeb, caller: TheCaller, body: TokenRequest) -> Any:
    """Issues a token for the caller, in a session only: a token does not beget tokens."""
    _person(caller)
    issued = commands.issue_token(
        web.identity, caller.name, body.scopes, body.days, actor=caller.name, label=body.label
    )
    return {**document(issued.token), "token": issued.text}


@router.delete("/{id}", response_model=TokenDocument, **takes(SELF))
def revoke_token(web: TheWeb, caller: TheCaller, id: Annotated[str, Path(pattern=r"^[a-z0-9]{8}$")]) -> Any:
    """Ends one of the caller's tokens."""
    _person(caller)
    if all(token.id != id for token in commands.tokens(web.identity, caller.name)):
        raise MissingError(f"you have no token {id}")
    return document(commands.revoke_token(web.identity, id, actor=caller.name))


def document(token: Token) -> dict[str, Any]:
    """The token as the API shows it."""
    return {name: getattr(token, name) for name in TokenDocument.model_fields}


def _person(caller: Caller) -> None:
    if caller.session is None:
        raise DeniedError("tokens are issued and revoked in a session", code="SESSION_ONLY")
