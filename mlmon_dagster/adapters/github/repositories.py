"""Repositories at GitHub: which ones are reached, and pull requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlmon_dagster.adapters.github.api import GithubApi
from mlmon_dagster.errors import UnavailableError
from mlmon_dagster.ports import RemoteRepository


@dataclass(frozen=True)
class GithubRepositories:
    """Port `CodeHost`; takes the permissions metadata (read), contents and pull requests (write)."""

    api: GithubApi

    def repository(self, name: str) -> RemoteRepository:
        """The repository `owner/name` as it is now; `MissingError` when the token does not reach it."""
        return _repository(self.api.call("GET", f"/repos/{name}"))

    def repositories(self) -> tuple[RemoteRepository, ...]:
        """Every repository that the token reaches, by name."""
        found = [_repository(one) for one in self.api.pages("/user/repos")]
        return tuple(sorted(found, key=lambda one: one.name))

    def open_pull_request(self, repository: str, branch: str, base: str, title: str, body: str) -> str:
        """The address of the pull request from `branch`; the one that is open, if there is one."""
        owner, path = repository.partition("/")[0], f"/repos/{repository}/pulls"
        for one in self.api.pages(f"{path}?state=open&head={owner}:{branch}&base={base}"):
            return str(one["html_url"])
        asked = {"title": title, "head": branch, "base": base, "body": body}
        return str(self.api.call("POST", path, asked)["html_url"])


def _repository(document: Mapping[str, Any]) -> RemoteRepository:
    number, name, branch = (document.get(key) for key in ("id", "full_name", "default_branch"))
    if not isinstance(number, int) or not isinstance(name, str) or not isinstance(branch, str):
        raise UnavailableError("GitHub's answer does not describe a repository")
    return RemoteRepository(str(number), name, branch)
