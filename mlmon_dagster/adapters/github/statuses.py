"""Statuses of commits at GitHub (or GitHub Enterprise): commit statuses both ways, and check runs to read."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlmon_dagster.errors import DeniedError, FailedError, InputError, MissingError, UnavailableError
from mlmon_dagster.governance.commit_status import CommitStatus, State

TIMEOUT_SECONDS = 10
PAGES = 10
"""Pages of 100 that are read."""

TOKEN, API_URL, API = "MLMON_GITHUB_TOKEN", "MLMON_GITHUB_API_URL", "https://api.github.com"
VERSION = "2022-11-28"
STATES: tuple[State, ...] = ("success", "pending", "failure", "error")


@dataclass(frozen=True)
class GithubStatuses:
    """Speaks with the token of a GitHub App's installation, or a fine-grained one: commit statuses to write, checks to
    read."""

    token: str = field(repr=False)
    api_url: str = API

    def publish(self, repository: str, commit: str, status: CommitStatus) -> None:
        """See `ports.CommitStatuses`."""
        body = {"state": status.state, "context": status.context, "description": status.description}
        if status.address:
            body["target_url"] = status.address
        self._call("POST", f"/repos/{repository}/statuses/{commit}", body)

    def statuses(self, repository: str, commit: str) -> Sequence[CommitStatus]:
        """See `ports.CommitStatuses`; of a check run that is over, only success is a success."""
        said = self._all(f"/repos/{repository}/commits/{commit}/status", "statuses")
        runs = self._all(f"/repos/{repository}/commits/{commit}/check-runs", "check_runs")
        found = [
            CommitStatus(str(one["context"]), _state(one["state"]), str(one.get("description") or "")) for one in said
        ]
        found += [CommitStatus(str(one["name"]), *_concluded(one)) for one in runs]
        return tuple({one.context: one for one in found}.values())

    def _all(self, path: str, key: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for page in range(1, PAGES + 1):
            answer = self._call("GET", f"{path}?per_page=100&page={page}")
            part = answer.get(key) if isinstance(answer, Mapping) else None
            if not isinstance(part, list):
                raise UnavailableError(f"GitHub's answer to {path} has no {key}")
            found += part
            if len(part) < 100:
                break
        return found

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        import httpx

        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "mlmon",
            "X-GitHub-Api-Version": VERSION,
        }
        try:
            answer = httpx.request(method, f"{self.api_url}{path}", headers=headers, json=body, timeout=TIMEOUT_SECONDS)
            if answer.is_success:
                return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise UnavailableError(f"GitHub cannot be asked: {error}") from error
        raise _refused(answer.status_code, path, answer)


def read_github_statuses(environ: Mapping[str, str] | None = None) -> GithubStatuses | None:
    """What the environment declares (`MLMON_GITHUB_TOKEN`); None where it does not."""
    environ = os.environ if environ is None else environ
    if TOKEN not in environ:
        return None
    token = environ[TOKEN].strip()
    if not token:
        raise InputError(f"{TOKEN} is set but empty", hint="unset it, or give it the token of a GitHub App")
    return GithubStatuses(token, environ.get(API_URL, API).strip().rstrip("/"))


def _refused(code: int, path: str, answer: Any) -> Exception:
    """GitHub says 404 also where a token does not reach, and 403 or 429 when it was asked too often."""
    if code == 404:
        return MissingError(
            f"GitHub has nothing at {path.partition('?')[0]} for this token",
            hint="is `repository` right, and is the app installed there?",
        )
    if code == 429 or (code == 403 and answer.headers.get("x-ratelimit-remaining") == "0"):
        return UnavailableError("GitHub is asked too often; it is tried again later")
    if code in (401, 403):
        return DeniedError(
            f"GitHub does not accept {TOKEN} for this",
            hint="it takes the permissions commit statuses (write) and checks (read)",
        )
    if code >= 500:
        return UnavailableError(f"GitHub answers with {code}")
    return FailedError(f"GitHub refuses {path.partition('?')[0]} with {code}")


def _state(text: object) -> State:
    return next((state for state in STATES if state == text), "error")


def _concluded(run: Mapping[str, Any]) -> tuple[State, str]:
    conclusion = run.get("conclusion")
    if run.get("status") != "completed":
        return "pending", str(run.get("status") or "")
    return ("success" if conclusion == "success" else "failure"), str(conclusion or "")
