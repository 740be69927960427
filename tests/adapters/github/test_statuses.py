"""Commit statuses at GitHub: both ways, and every way in which it refuses."""

from collections.abc import Iterator

import pytest
from github_server import TOKEN, Github, github

from mlmon_dagster.adapters.github.api import GithubApi
from mlmon_dagster.adapters.github.statuses import GithubStatuses, read_github_statuses
from mlmon_dagster.errors import DeniedError, FailedError, InputError, MissingError, MlmonError, UnavailableError
from mlmon_dagster.governance.commit_status import CommitStatus

COMMIT = "a" * 40


@pytest.fixture
def server() -> Iterator[Github]:
    with github() as here:
        here.commits.add(COMMIT)
        yield here


def test_what_is_published_is_read_again(server: Github) -> None:
    here = GithubStatuses(GithubApi(TOKEN, server.url))
    here.publish(
        "acme/house", COMMIT, CommitStatus("mlmon/prod prices", "pending", "1 is missing", "https://x.example")
    )
    here.publish("acme/house", COMMIT, CommitStatus("mlmon/prod prices", "success", "open"))
    assert here.statuses("acme/house", COMMIT) == (CommitStatus("mlmon/prod prices", "success", "open"),)
    assert server.posted[0][1]["target_url"] == "https://x.example"


def test_a_check_run_passes_only_by_success(server: Github) -> None:
    ended = ("success", "failure", "neutral", "skipped", "cancelled", "timed_out", "action_required", None)
    server.runs[COMMIT] = [{"name": str(one), "status": "completed", "conclusion": one} for one in ended]
    server.runs[COMMIT].append({"name": "running", "status": "in_progress", "conclusion": None})
    found = {
        one.context: one.state for one in GithubStatuses(GithubApi(TOKEN, server.url)).statuses("acme/house", COMMIT)
    }
    assert found == {**dict.fromkeys(map(str, ended), "failure"), "success": "success", "running": "pending"}


def test_more_than_a_page_is_read(server: Github) -> None:
    server.runs[COMMIT] = [{"name": f"job {n}", "status": "completed", "conclusion": "success"} for n in range(250)]
    assert len(GithubStatuses(GithubApi(TOKEN, server.url)).statuses("acme/house", COMMIT)) == 250


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (401, {}, DeniedError),
        (403, {}, DeniedError),
        (403, {"x-ratelimit-remaining": "0"}, UnavailableError),
        (404, {}, MissingError),
        (422, {}, FailedError),
        (429, {}, UnavailableError),
        (502, {}, UnavailableError),
    ],
)
def test_every_refusal_says_what_it_is(
    server: Github, status: int, headers: dict[str, str], kind: type[MlmonError]
) -> None:
    server.status, server.headers = status, headers
    with pytest.raises(kind) as caught:
        GithubStatuses(GithubApi(TOKEN, server.url)).statuses("acme/house", COMMIT)
    assert TOKEN not in str(caught.value)


def test_github_out_of_reach_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="GitHub cannot be asked"):
        GithubStatuses(GithubApi(TOKEN, "http://127.0.0.1:9")).publish(
            "acme/house", COMMIT, CommitStatus("ci", "success")
        )


def test_the_token_comes_from_the_environment_and_is_never_shown() -> None:
    assert read_github_statuses({}) is None
    here = read_github_statuses({"MLMON_GITHUB_TOKEN": TOKEN})
    assert here is not None
    assert TOKEN not in repr(here)
    with pytest.raises(InputError, match="set but empty"):
        read_github_statuses({"MLMON_GITHUB_TOKEN": " "})
