"""One call to GitHub's REST API (or GitHub Enterprise's), and what its refusals mean."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlmon_dagster.adapters.secrets import is_reference, secret
from mlmon_dagster.errors import DeniedError, FailedError, InputError, MissingError, UnavailableError

TIMEOUT_SECONDS = 10
PAGES = 10
"""Pages of 100 that are read."""

TOKEN, API_URL, API = "MLMON_GITHUB_TOKEN", "MLMON_GITHUB_API_URL", "https://api.github.com"
VERSION = "2022-11-28"


@dataclass(frozen=True)
class GithubApi:
    """Speaks with the token of a GitHub App's installation, or a fine-grained one."""

    reference: str = field(repr=False)
    """The token, or the reference to it."""
    api_url: str = API

    def token(self) -> str:
        """The token; raises `UnavailableError` when the reference leads to none."""
        return secret(self.reference) if is_reference(self.reference) else self.reference

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The document of the answer; raises `MissingError`, `DeniedError`, `FailedError` or `UnavailableError`."""
        import httpx

        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token()}",
            "User-Agent": "mlmon",
            "X-GitHub-Api-Version": VERSION,
        }
        url = f"{self.api_url}{path}"
        try:
            answer = httpx.request(method, url, headers=headers, json=body, timeout=TIMEOUT_SECONDS)
            if answer.is_success:
                return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise UnavailableError(f"GitHub cannot be asked: {error}") from error
        raise _refused(answer.status_code, path, answer)

    def pages(self, path: str, key: str | None = None) -> Iterator[Any]:
        """Every item of a list (that stands under `key`)."""
        mark = "&" if "?" in path else "?"
        for page in range(1, PAGES + 1):
            answer = self.call("GET", f"{path}{mark}per_page=100&page={page}")
            part = answer if key is None else answer.get(key) if isinstance(answer, Mapping) else None
            if not isinstance(part, list):
                raise UnavailableError(f"GitHub's answer to {path} is no list")
            yield from part
            if len(part) < 100:
                return


def read_github(environ: Mapping[str, str] | None = None) -> GithubApi | None:
    """What the environment declares (`MLMON_GITHUB_TOKEN`, a token or the reference to one); None where it does not."""
    environ = os.environ if environ is None else environ
    if TOKEN not in environ:
        return None
    token = environ[TOKEN].strip()
    if not token:
        raise InputError(f"{TOKEN} is set but empty", hint="unset it, or give it the token of a GitHub App")
    url = environ.get(API_URL, API).strip().rstrip("/")
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise InputError(f"{API_URL} has to begin with https://")
    return GithubApi(token, url)


def _refused(code: int, path: str, answer: Any) -> Exception:
    """GitHub says 404 also where a token does not reach, and 403 or 429 when it was asked too often."""
    place = path.partition("?")[0]
    if code == 404:
        return MissingError(
            f"GitHub has nothing at {place} for this token",
            hint="is `repository` right, and is the app installed there?",
        )
    if code == 429 or (code == 403 and answer.headers.get("x-ratelimit-remaining") == "0"):
        return UnavailableError("GitHub is asked too often; it is tried again later")
    if code in (401, 403):
        return DeniedError(
            f"GitHub does not accept {TOKEN} for this",
            hint="it takes the permissions commit statuses, contents, pull requests (write) and checks (read)",
        )
    if code >= 500:
        return UnavailableError(f"GitHub answers with {code}")
    return FailedError(f"GitHub refuses {place} with {code}")
