"""Logging in with GitHub: the web flow of an OAuth app with PKCE, and the organisations and teams of a person."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from mlmon_dagster.errors import DeniedError, UnavailableError

ISSUER = "https://github.com"
TIMEOUT_SECONDS = 10
PAGES = 10
SCOPES = "read:org"


@dataclass(frozen=True)
class GithubUser:
    """Whom GitHub knows: by the number, which is never given to somebody else; the name may be."""

    number: int
    name: str
    teams: frozenset[str]
    """`organisation` and `organisation/team`, in small letters."""


@dataclass(frozen=True)
class GithubLogin:
    """An OAuth app at GitHub (or GitHub Enterprise)."""

    client_id: str
    client_secret: str
    url: str = "https://github.com"
    api_url: str = "https://api.github.com"

    def authorize_url(self, redirect: str, state: str, verifier: str) -> str:
        """Where the browser is sent to."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "client_id": self.client_id,
            "redirect_uri": redirect,
            "scope": SCOPES,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "allow_signup": "false",
        }
        return f"{self.url}/login/oauth/authorize?{urlencode(query)}"

    def exchange(self, code: str, redirect: str, verifier: str) -> str:
        """The access token for a code; raises `DeniedError` when GitHub does not know the code."""
        body = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        answer = self._call("POST", f"{self.url}/login/oauth/access_token", json=body)
        token = answer.get("access_token") if isinstance(answer, Mapping) else None
        if not isinstance(token, str) or not token:
            raise DeniedError("GitHub does not accept the code", hint="log in again", code="UNAUTHENTICATED")
        return token

    def user(self, token: str) -> GithubUser:
        """The person that the token is of, with the teams as they are now."""
        found = self._call("GET", f"{self.api_url}/user", token=token)
        number, name = found.get("id"), found.get("login")
        if not isinstance(number, int) or isinstance(number, bool) or not isinstance(name, str):
            raise UnavailableError("GitHub's answer does not say who somebody is")
        if found.get("type") != "User":
            raise DeniedError(f"{name} is not a person", code="UNAUTHENTICATED")
        organisations = self._all(f"{self.api_url}/user/memberships/orgs?state=active", token)
        teams = self._all(f"{self.api_url}/user/teams", token)
        names = [one["organization"]["login"] for one in organisations]
        names += [f"{one['organization']['login']}/{one['slug']}" for one in teams]
        return GithubUser(number, name, frozenset(name.lower() for name in names))

    def _all(self, url: str, token: str) -> list[Any]:
        found: list[Any] = []
        mark = "&" if "?" in url else "?"
        for page in range(1, PAGES + 1):
            part = self._call("GET", f"{url}{mark}per_page=100&page={page}", token=token)
            found += part
            if len(part) < 100:
                break
        return found

    def _call(self, method: str, url: str, *, token: str | None = None, json: Any = None) -> Any:
        import httpx

        headers = {"Accept": "application/json", "User-Agent": "mlmon"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = httpx.request(
                method, url, headers=headers, json=json, timeout=TIMEOUT_SECONDS, follow_redirects=False
            )
            if answer.status_code in (401, 403):
                raise DeniedError("GitHub does not accept it any more", hint="log in again", code="UNAUTHENTICATED")
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise UnavailableError(f"GitHub cannot be asked: {error}") from error
