"""Repositories and proposals over the API, against real Git and a server that speaks as GitHub's does."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from answering import Asked, Said, answering
from api_office import Api, problem
from command_line import PIPELINE

from mlmon_dagster.adapters.checkout import Checkout
from mlmon_dagster.adapters.declared_folder import DeclaredFolder
from mlmon_dagster.adapters.github.api import GithubApi, read_github
from mlmon_dagster.adapters.github.repositories import GithubRepositories
from mlmon_dagster.errors import DeniedError, InputError, MissingError, UnavailableError
from mlmon_dagster.lifecycle.locks import set_lock

FILE = PIPELINE.replace("cicd_enforcement: {}", "cicd_enforcement: {repository: acme/prices}")


@dataclass
class Hub:
    """Answers as GitHub's REST API for one token."""

    url: str = ""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    known: dict[str, Any] = field(
        default_factory=lambda: {"id": 4711, "full_name": "acme/prices", "default_branch": "main"}
    )

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if path.startswith("/user/repos"):
            return 200, [self.known]
        if path == f"/repos/{self.known['full_name']}":
            return 200, self.known
        if "/pulls" in path and method == "GET":
            head = path.partition("head=acme:")[2].partition("&")[0]
            return 200, [one for one in self.pulls if one["head"] == head]
        if "/pulls" in path:
            made = {**body, "html_url": f"https://github.com/acme/prices/pull/{len(self.pulls) + 1}"}
            self.pulls.append(made)
            return 201, made
        return 404, {"message": "Not Found"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    one = Hub()

    def answer(asked: Asked) -> Said:
        if asked.headers.get("authorization") != "Bearer good":
            return Said(401, {"message": "Bad credentials"})
        return Said(*one.answer(asked.method, asked.target, asked.body))

    with answering(answer) as one.url:
        yield one


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")
    return subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def office(api: Api, hub: Hub, tmp_path: Path) -> Api:
    """With a checkout of a repository that has one pipeline, and a token for GitHub."""
    server, ours = tmp_path / "server.git", tmp_path / "ours"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(server))
    git(tmp_path, "clone", "-q", str(server), str(ours))
    file = ours / "pipelines" / "prices" / "pipeline.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(FILE, encoding="utf-8")
    git(ours, "add", "-A")
    git(ours, "commit", "-q", "-m", "Declare prices")
    git(ours, "push", "-q", "origin", "HEAD:main")
    premises = replace(
        api.web.premises,
        pipelines=DeclaredFolder(ours / "pipelines", {}),
        repository=Checkout(ours / "pipelines", {}),
        host=GithubRepositories(GithubApi("good", hub.url)),
    )
    api.app.state.web = replace(api.web, premises=premises)
    return replace(api, web=api.app.state.web)


def test_a_repository_is_connected_by_its_number(office: Api) -> None:
    admin = office.by_token("root")
    assert admin.get("/api/integrations/github/repos").json() == [
        {"id": "4711", "name": "acme/prices", "branch": "main", "connected": False}
    ]
    done = admin.post("/api/integrations/github/connect", json={"repository": "acme/prices"})
    assert (done.status_code, done.json()["id"], done.json()["branch"]) == (201, "4711", "main"), done.text
    assert admin.get("/api/integrations/github/repos").json()[0]["connected"] is True
    again = admin.post("/api/integrations/github/connect", json={"repository": "acme/prices"})
    assert again.json()["receipt"] == done.json()["receipt"]
    gone = admin.post("/api/integrations/github/disconnect", json={"repository": "acme/prices"})
    assert gone.status_code == 200
    assert admin.get("/api/integrations/github").json() == []


def test_only_admins_connect_and_what_is_not_reached_is_not_connected(office: Api) -> None:
    ask = {"repository": "acme/prices"}
    path = "/api/integrations/github/connect"
    assert problem(office.by_token("mia").post(path, json=ask)) == (403, "DENIED")
    assert problem(office.by_token("eve").post(path, json=ask)) == (403, "DENIED")
    assert problem(office.by_token("root").post(path, json={"repository": "acme/other"})) == (404, "MISSING")
    assert problem(office.by_token("root").post(path, json={"repository": "../x"})) == (422, "INPUT")


def test_a_change_waits_on_a_branch_and_in_a_pull_request(office: Api, hub: Hub) -> None:
    office.by_token("root").post("/api/integrations/github/connect", json={"repository": "acme/prices"})
    client = office.by_token("mia")
    tag = client.get("/api/pipelines/prices").headers["etag"]
    body = {"text": FILE.replace("weekly", "daily"), "reason": "more often"}
    assert problem(client.put("/api/pipelines/prices", json=body)) == (428, "IF_MATCH")
    done = client.put("/api/pipelines/prices", json=body, headers={"If-Match": tag})
    assert done.status_code == 202, done.text
    assert done.json()["pull_request"] == "https://github.com/acme/prices/pull/1"
    assert (hub.pulls[0]["head"], hub.pulls[0]["base"]) == (done.json()["branch"], "main")
    assert "Proposed by mia" in hub.pulls[0]["body"]
    assert client.get("/api/pipelines/prices").headers["etag"] == tag, "nothing runs by it before it is merged"
    listed = client.get("/api/pipelines/prices/proposals").json()
    assert [one["id"] for one in listed] == [done.json()["id"]]
    entry = client.get(f"/api/audit-logs/{done.json()['receipt']['seq']}").json()
    assert (entry["action"], entry["actor"], entry["role"]) == ("pipeline.proposed", "mia", "ml_engineer")


def test_what_was_merged_is_taken_over_by_a_sync(office: Api, tmp_path: Path) -> None:
    client = office.by_token("mia")
    body = {"text": FILE.replace("weekly", "daily")}
    branch = client.put("/api/pipelines/prices", json=body, headers={"If-Match": "*"}).json()["branch"]
    git(tmp_path / "server.git", "update-ref", "refs/heads/main", f"refs/heads/{branch}")
    assert client.get("/api/pipelines/prices").json()["windows"] == "weekly"
    synced = client.post("/api/integrations/github/sync", json={})
    assert synced.status_code == 200, synced.text
    assert client.get("/api/pipelines/prices").json()["windows"] == "daily"
    assert problem(office.by_token("sue").post("/api/integrations/github/sync", json={})) == (403, "DENIED")
    assert problem(client.post("/api/integrations/github/sync", json={"branch": "nowhere"})) == (503, "UNAVAILABLE")


def test_a_new_pipeline_is_proposed_once(office: Api) -> None:
    client = office.by_token("mia")
    new = FILE.replace("pipeline: prices", "pipeline: rents")
    assert client.post("/api/pipelines", json={"text": new}).status_code == 202
    assert problem(client.post("/api/pipelines", json={"text": FILE})) == (409, "EXISTS")
    assert problem(client.get("/api/pipelines/rents")) == (404, "MISSING")


@pytest.mark.parametrize(
    ("name", "text", "tag", "expected"),
    [
        ("mia", FILE.replace("weekly", "weakly"), "*", (422, "INVALID_PIPELINE")),
        ("mia", "windows: [", "*", (422, "INVALID_PIPELINE")),
        ("mia", FILE.replace("pipeline: prices", "pipeline: rents"), "*", (422, "INPUT")),
        ("mia", FILE.replace("weekly", "daily"), '"0000"', (412, "CHANGED")),
        ("sue", FILE.replace("weekly", "daily"), "*", (403, "DENIED")),
        ("max", FILE.replace("weekly", "daily"), "*", (403, "DENIED")),
        ("eve", FILE.replace("weekly", "daily"), "*", (404, "MISSING")),
    ],
)
def test_what_cannot_be_proposed(office: Api, name: str, text: str, tag: str, expected: tuple[int, str]) -> None:
    client, before = office.by_token(name), office.length
    answer = client.put("/api/pipelines/prices", json={"text": text}, headers={"If-Match": tag})
    assert problem(answer) == expected
    assert office.length == before


PLACES = {
    "a file at a URL": "{use: url, url: 'file:///etc/passwd', time: date}",
    "metadata at a URL": "{use: url, url: 'http://169.254.169.254/latest/meta-data', time: date}",
    "metadata behind a cache": "{use: url, url: 'simplecache://::http://169.254.169.254/x', time: date}",
    "a store that is the metadata": "{use: s3, bucket: sales, endpoint: 'http://[fd00:ec2::254]', time: date}",
    "a database there": "{use: sql, url: 'postgresql://u@0xA9FEA9FE/x', table: sales, time: date}",
}


@pytest.mark.parametrize("name", [*PLACES, "a model there", "a model in a file", "a channel there"])
def test_no_proposed_pipeline_reads_a_machine_s_own_secrets(
    office: Api, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is refused before anything is looked up, connected to, or committed."""
    texts = {
        kind: FILE.replace("{use: file, path: sales.csv, time: date, key: [id]}", one) for kind, one in PLACES.items()
    }
    trained = 'train: "prices.model:train"'
    texts["a model there"] = FILE.replace(trained, "uri: 'http://2852039166/model'")
    texts["a model in a file"] = FILE.replace(trained, "uri: 'file:/etc'")
    texts["a channel there"] = FILE.replace("[console]", "[{use: webhook, url: 'http://metadata.google.internal/'}]")
    assert texts[name] != FILE
    client, before = office.by_token("mia"), office.length

    def connect(*_: object, **__: object) -> Any:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "getaddrinfo", connect)
    monkeypatch.setattr(socket.socket, "connect", connect)
    answer = client.put("/api/pipelines/prices", json={"text": texts[name]}, headers={"If-Match": "*"})
    assert problem(answer) == (422, "INVALID_PIPELINE")
    said = answer.json()["errors"][0]["message"]
    assert "its own credentials" in said or "expected no file: URL" in said
    assert office.length == before


def test_a_locked_stage_is_not_proposed_anew(office: Api) -> None:
    declared = office.web.premises.pipelines()["prices"]
    set_lock(office.governance, declared.pipeline, "model_registry", actor="pia")
    body = {"text": FILE.replace("until: 2014-11-01", "until: 2015-01-01")}
    answer = office.by_token("mia").put("/api/pipelines/prices", json=body, headers={"If-Match": "*"})
    assert problem(answer) == (409, "LOCKED")


def test_without_a_checkout_nothing_is_proposed(api: Api) -> None:
    assert problem(api.by_token("mia").post("/api/pipelines", json={"text": FILE})) == (404, "MISSING")
    assert problem(api.by_token("mia").post("/api/integrations/github/sync", json={})) == (404, "MISSING")
    ask = {"repository": "acme/prices"}
    assert problem(api.by_token("root").post("/api/integrations/github/connect", json=ask)) == (404, "MISSING")


def test_a_token_may_stand_by_reference(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_github({}) is None
    with pytest.raises(InputError):
        read_github({"MLMON_GITHUB_TOKEN": " "})
    monkeypatch.setenv("TOKEN", "good")
    api = read_github({"MLMON_GITHUB_TOKEN": "env:TOKEN", "MLMON_GITHUB_API_URL": hub.url})
    assert api is not None
    assert [one.name for one in GithubRepositories(api).repositories()] == ["acme/prices"]
    assert "good" not in repr(api)


def test_what_github_does_not_let_us_is_told(hub: Hub) -> None:
    with pytest.raises(DeniedError):
        GithubRepositories(GithubApi("bad", hub.url)).repositories()
    with pytest.raises(MissingError):
        GithubRepositories(GithubApi("good", hub.url)).repository("acme/none")
    with pytest.raises(UnavailableError):
        GithubRepositories(GithubApi("good", "http://127.0.0.1:1")).repositories()
