"""Repositories at GitHub, with the server's own token (`MLMON_GITHUB_TOKEN`, by reference)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlmon_dagster.adapters.secrets import is_reference, secret
from mlmon_dagster.errors import FailedError, InputError, MissingError, UnavailableError
from mlmon_dagster.ports import RemoteRepository

TIMEOUT_SECONDS = 10
PAGES = 10


@dataclass(frozen=True)
class GithubRepositories:
    """Port `CodeHost` at GitHub or GitHub Enterprise."""

    token: Callable[[], str]
    api_url: str = "https://api.github.com"

    def repository(self, name: str) -> RemoteRepository:
        """The repository `owner/name` as it is now; `MissingError` when the token does not reach it."""
        return _repository(self._call("GET", f"/repos/{name}"))

    def repositories(self) -> tuple[RemoteRepository, ...]:
        """Every repository that the token reaches, by name."""
        found: list[RemoteRepository] = []
        for page in range(1, PAGES + 1):
            part = self._call("GET", f"/user/repos?per_page=100&page={page}")
            found += [_repository(one) for one in part]
            if len(part) < 100:
                break
        return tuple(sorted(found, key=lambda one: one.name))

    def open_pull_request(self, repository: str, branch: str, base: str, title: str, body: str) -> str:
        """The address of the pull request from `branch`; the one that is open, if there is one."""
        owner = repository.partition("/")[0]
        for one in self._call("GET", f"/repos/{repository}/pulls?state=open&head={owner}:{branch}&base={base}"):
            return str(one["html_url"])
        asked = {"title": title, "head": branch, "base": base, "body": body}
        return str(self._call("POST", f"/repos/{repository}/pulls", asked)["html_url"])

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        import httpx

        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token()}",
            "User-Agent": "mlmon",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        try:
            answer = httpx.request(
                method,
                f"{self.api_url}{path}",
                headers=headers,
                json=body,
                timeout=TIMEOUT_SECONDS,
                follow_redirects=False,
            )
        except httpx.HTTPError as error:
            raise UnavailableError(f"GitHub cannot be asked: {type(error).__name__}") from error
        if answer.status_code == 404:
            raise MissingError("GitHub knows nothing of that name, or MLMON_GITHUB_TOKEN does not reach it")
        if answer.status_code in (400, 422):
            raise FailedError(f"GitHub refused: {_said(answer)}")
        if answer.status_code >= 300:
            raise UnavailableError(f"GitHub answered {answer.status_code}")
        return answer.json()


def open_github(environ: Mapping[str, str]) -> GithubRepositories | None:
    """GitHub as the environment declares it; without `MLMON_GITHUB_TOKEN` there is none."""
    reference = environ.get("MLMON_GITHUB_TOKEN")
    if reference is None:
        return None
    reference = reference.strip()
    if not is_reference(reference):
        raise InputError(
            "MLMON_GITHUB_TOKEN is a reference to a token, not the token itself",
            hint="env:NAME or secretsmanager:ID; the token needs contents and pull requests (write), metadata (read)",
        )
    url = environ.get("MLMON_GITHUB_API_URL", "https://api.github.com").strip().rstrip("/")
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise InputError("MLMON_GITHUB_API_URL has to begin with https://")
    return GithubRepositories(lambda: secret(reference), url)


def _repository(document: Mapping[str, Any]) -> RemoteRepository:
    number, name, branch = (document.get(key) for key in ("id", "full_name", "default_branch"))
    if not isinstance(number, int) or not isinstance(name, str) or not isinstance(branch, str):
        raise UnavailableError("GitHub's answer does not describe a repository")
    return RemoteRepository(str(number), name, branch)


def _said(answer: Any) -> str:
    try:
        document = answer.json()
        more = [str(one.get("message", "")) for one in document.get("errors", []) if isinstance(one, dict)]
        return "; ".join(filter(None, [str(document.get("message", "")), *more]))[:300]
    except ValueError:
        return str(answer.status_code)
