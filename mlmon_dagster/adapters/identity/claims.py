"""What a signed token claims, once its signature and every claim that matters were checked.

PyJWT accepts a token without `exp` unless told otherwise, and nobody but us knows which load balancer or repository
is ours.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlmon_dagster.adapters.identity.keys import Keys
from mlmon_dagster.errors import DeniedError

LEEWAY_SECONDS = 60
LONGEST = 16_000

_ALB_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ACTIONS_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")

ACTIONS_ISSUER = "https://token.actions.githubusercontent.com"
EVENTS = ("push", "workflow_dispatch", "schedule", "release")
"""Events whose workflow comes from the repository itself; a pull request's may come from anybody."""


class RefusedTokenError(DeniedError):
    """A signed token that is not accepted; the reason goes into the security entry."""

    kind = "UNAUTHENTICATED"


@dataclass(frozen=True)
class LoadBalancer:
    """An AWS load balancer that logs people in and signs who they are."""

    arn: str
    issuer: str
    client: str
    keys_url: str

    def identity(self, token: str, keys: Keys) -> tuple[str, str]:
        """Issuer and subject of the person in `x-amzn-oidc-data`; raises `RefusedTokenError`."""
        header = _header(token, "ES256")
        kid = _text(header, "kid")
        if not _ALB_KEY.fullmatch(kid):
            raise RefusedTokenError("the key's name is not one that a load balancer uses")
        if header.get("signer") != self.arn:
            raise RefusedTokenError("the token was signed for another load balancer")
        if header.get("client") != self.client:
            raise RefusedTokenError("the token is for another client")
        content = keys.fetch(f"{self.keys_url}/{kid}")
        if content is None:
            raise RefusedTokenError("the key is unknown")
        claims = _verified(
            token, content.decode("ascii", "replace"), "ES256", issuer=self.issuer, require=("exp", "iss", "sub")
        )
        return self.issuer, _text(claims, "sub")


@dataclass(frozen=True)
class Actions:
    """Workflows of GitHub Actions that may ask: of which repositories, in which files."""

    audience: str
    repositories: frozenset[tuple[str, str]]
    """`(repository_id, repository_owner_id)`: names can be given to somebody else, numbers cannot."""
    workflows: frozenset[str]
    """Allowed `job_workflow_ref`s; empty for any of these repositories' on a branch."""
    issuer: str = ACTIONS_ISSUER
    keys_url: str = f"{ACTIONS_ISSUER}/.well-known/jwks"

    def claims(self, token: str, keys: Keys) -> Mapping[str, Any]:
        """The claims of a workflow run that may ask; raises `RefusedTokenError`."""
        kid = _text(_header(token, "RS256"), "kid")
        if not _ACTIONS_KEY.fullmatch(kid):
            raise RefusedTokenError("the key's name is not one that GitHub uses")
        key = keys.named(self.keys_url, kid)
        if key is None:
            raise RefusedTokenError("the key is unknown")
        required = ("exp", "iat", "nbf", "iss", "aud", "sub", "jti")
        claims = _verified(token, key, "RS256", issuer=self.issuer, audience=self.audience, require=required)
        self._accept(claims)
        return claims

    def _accept(self, claims: Mapping[str, Any]) -> None:
        whose = (_text(claims, "repository_id"), _text(claims, "repository_owner_id"))
        if whose not in self.repositories:
            raise RefusedTokenError("the workflow is of another repository")
        event = _text(claims, "event_name")
        if event not in EVENTS:
            raise RefusedTokenError(f"a workflow started by {event[:64]} may not ask")
        if self.workflows and _text(claims, "job_workflow_ref") not in self.workflows:
            raise RefusedTokenError("the workflow's file or branch is not one that may ask")
        if not _text(claims, "ref").startswith("refs/heads/"):
            raise RefusedTokenError("the workflow does not run on a branch")
        _text(claims, "actor_id")


def _header(token: str, algorithm: str) -> Mapping[str, Any]:
    import jwt

    if len(token) > LONGEST or not token.isascii():
        raise RefusedTokenError("the token is not one")
    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError) as error:
        raise RefusedTokenError("the token is not one") from error
    if header.get("alg") != algorithm or "crit" in header or header.get("b64") is False:
        raise RefusedTokenError(f"the token is not signed with {algorithm}")
    return header


def _verified(
    token: str,
    key: Any,
    algorithm: str,
    *,
    issuer: str,
    audience: str | None = None,
    require: tuple[str, ...],
) -> Mapping[str, Any]:
    import jwt

    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY_SECONDS,
            options={"require": list(require), "verify_aud": audience is not None},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise RefusedTokenError(f"the token is not accepted: {type(error).__name__}") from error
    return claims


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 512:
        raise RefusedTokenError(f"the token does not say its {name}")
    return value
