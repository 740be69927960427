"""Statuses of commits at GitHub (or GitHub Enterprise): commit statuses both ways, and check runs to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlmon_dagster.adapters.github.api import GithubApi, read_github
from mlmon_dagster.governance.commit_status import CommitStatus, State

STATES: tuple[State, ...] = ("success", "pending", "failure", "error")


@dataclass(frozen=True)
class GithubStatuses:
    """Takes the permissions commit statuses (write) and checks (read)."""

    api: GithubApi

    def publish(self, repository: str, commit: str, status: CommitStatus) -> None:
        """See `ports.CommitStatuses`."""
        body = {"state": status.state, "context": status.context, "description": status.description}
        if status.address:
            body["target_url"] = status.address
        self.api.call("POST", f"/repos/{repository}/statuses/{commit}", body)

    def statuses(self, repository: str, commit: str) -> Sequence[CommitStatus]:
        """See `ports.CommitStatuses`; of a check run that is over, only success is a success."""
        said = self.api.pages(f"/repos/{repository}/commits/{commit}/status", "statuses")
        runs = self.api.pages(f"/repos/{repository}/commits/{commit}/check-runs", "check_runs")
        found = [
            CommitStatus(str(one["context"]), _state(one["state"]), str(one.get("description") or "")) for one in said
        ]
        found += [CommitStatus(str(one["name"]), *_concluded(one)) for one in runs]
        return tuple({one.context: one for one in found}.values())


def read_github_statuses(environ: Mapping[str, str] | None = None) -> GithubStatuses | None:
    """See `api.read_github`."""
    found = read_github(environ)
    return None if found is None else GithubStatuses(found)


def _state(text: object) -> State:
    return next((state for state in STATES if state == text), "error")


def _concluded(run: Mapping[str, Any]) -> tuple[State, str]:
    conclusion = run.get("conclusion")
    if run.get("status") != "completed":
        return "pending", str(run.get("status") or "")
    return ("success" if conclusion == "success" else "failure"), str(conclusion or "")
