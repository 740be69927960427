"""Logging in with GitHub, against a server that speaks GitHub's web flow."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from api_office import ORIGIN, Api, problem
from providers import Provider, provider
from starlette.testclient import TestClient

from mlmon_dagster.governance.roles import Member
from mlmon_dagster.lifecycle.identity import link_identity
from mlmon_dagster.lifecycle.provided import GITHUB
from mlmon_dagster.web.providers import read_providers


@pytest.fixture
def github() -> Iterator[Provider]:
    with provider() as one:
        yield one


@pytest.fixture
def office(api: Api, github: Provider) -> Api:
    environ = {
        "MLMON_GITHUB_CLIENT_ID": "app",
        "MLMON_GITHUB_CLIENT_SECRET": "app-secret",
        "MLMON_GITHUB_URL": github.url,
        "MLMON_GITHUB_API_URL": github.url,
        "MLMON_GITHUB_TEAMS": "acme/pricing=ml_engineer@pricing, acme=model_sponsor",
    }
    web = replace(api.web, providers=read_providers(environ, "mlmon/test"))
    api.app.state.web = web
    return replace(api, web=web)


def browser(office: Api) -> TestClient:
    client = office.client()
    client.follow_redirects = False
    return client


def start(client: TestClient, place: str = "/docs") -> str:
    """Where the browser is sent to."""
    answer = client.get("/api/session/github", params={"next": place})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def come_back(client: TestClient, location: str) -> object:
    return client.get(location.removeprefix(ORIGIN))


def log_in(office: Api, github: Provider) -> TestClient:
    client = browser(office)
    answer = come_back(client, github.authorize(start(client)))
    assert (answer.status_code, answer.headers.get("location")) == (302, "/docs"), answer.text  # type: ignore[attr-defined]
    return client


def roles(office: Api, name: str) -> set[tuple[str, str]]:
    with office.governance.ledger.read() as reading:
        return {(one.role, one.project) for one in reading.find(Member, name=name)}


def test_somebody_of_a_team_gets_an_account_with_the_teams_roles(office: Api, github: Provider) -> None:
    client = log_in(office, github)
    who = client.get("/api/session").json()
    assert (who["name"], who["method"]) == ("octocat", "github")
    assert roles(office, "octocat") == {("ml_engineer", "pricing"), ("model_sponsor", "*")}
    reader = office.by_token("root", "read")
    granted = reader.get("/api/audit-logs", params={"actor": "machine:teams"}).json()["items"]
    assert {(one["action"], one["data"]["team"]) for one in granted} == {
        ("role.granted", "acme/pricing"),
        ("role.granted", "acme"),
    }


def test_roles_follow_the_teams_at_the_next_login_and_leave_what_people_granted(office: Api, github: Provider) -> None:
    log_in(office, github)
    office.by_token("root", "admin").post("/api/members", json={"name": "octocat", "role": "monitoring_team"})
    github.teams, github.organisations = [], ["acme"]
    log_in(office, github)
    assert roles(office, "octocat") == {("model_sponsor", "*"), ("monitoring_team", "*")}


def test_the_number_counts_and_not_the_name(office: Api, github: Provider) -> None:
    log_in(office, github)
    github.user = {**github.user, "login": "renamed"}
    assert log_in(office, github).get("/api/session").json()["name"] == "octocat"
    github.user = {"id": 999, "login": "octocat", "type": "User"}
    client = browser(office)
    answer = come_back(client, github.authorize(start(client)))
    assert problem(answer) == (403, "LINK_FIRST")


def test_a_name_that_is_taken_is_linked_by_an_admin_only(office: Api, github: Provider) -> None:
    github.user = {"id": 7, "login": "Pia", "type": "User"}
    client = browser(office)
    assert problem(come_back(client, github.authorize(start(client)))) == (403, "LINK_FIRST")
    link_identity(office.web.identity, "pia", GITHUB, "7", actor="root")
    assert log_in(office, github).get("/api/session").json()["name"] == "pia"


@pytest.mark.parametrize("kind", ["Bot", "Organization"])
def test_only_people_log_in(office: Api, github: Provider, kind: str) -> None:
    github.user = {**github.user, "type": kind}
    client = browser(office)
    assert problem(come_back(client, github.authorize(start(client)))) == (401, "UNAUTHENTICATED")


def test_who_is_in_no_team_has_no_account(office: Api, github: Provider) -> None:
    github.teams, github.organisations = ["other/pricing"], ["other"]
    client = browser(office)
    assert problem(come_back(client, github.authorize(start(client)))) == (403, "UNLINKED")


def test_an_answer_counts_once(office: Api, github: Provider) -> None:
    client = browser(office)
    location = github.authorize(start(client))
    assert come_back(client, location).status_code == 302  # type: ignore[attr-defined]
    assert problem(come_back(client, location)) == (401, "UNAUTHENTICATED")


def test_an_answer_comes_to_the_browser_that_asked(office: Api, github: Provider) -> None:
    """Else somebody could log a stranger in under an own name and see what the stranger does."""
    attacker, victim = browser(office), browser(office)
    location = github.authorize(start(attacker))
    start(victim)
    assert problem(come_back(victim, location)) == (401, "UNAUTHENTICATED")
    assert "mlmon" not in victim.cookies


def test_an_answer_that_nobody_asked_for_or_too_late_is_refused(office: Api, github: Provider) -> None:
    client = browser(office)
    made_up = "/api/session/github/callback?code=x&state=" + "a" * 43
    assert problem(client.get(made_up)) == (401, "UNAUTHENTICATED")
    location = github.authorize(start(client))
    office.clock.pass_(minutes=11)
    assert problem(come_back(client, location)) == (401, "UNAUTHENTICATED")


def test_a_code_is_bound_to_the_browser_by_pkce(office: Api, github: Provider) -> None:
    """A code that was caught elsewhere is worth nothing here: GitHub gets another verifier."""
    first, second = browser(office), browser(office)
    caught = parse_qs(urlsplit(github.authorize(start(first))).query)["code"][0]
    state = parse_qs(urlsplit(start(second)).query)["state"][0]
    answer = second.get("/api/session/github/callback", params={"code": caught, "state": state})
    assert problem(answer) == (401, "UNAUTHENTICATED")


def test_a_refusal_at_github_is_told(office: Api, github: Provider) -> None:
    client = browser(office)
    state = parse_qs(urlsplit(start(client)).query)["state"][0]
    answer = client.get("/api/session/github/callback", params={"error": "access_denied", "state": state})
    assert problem(answer) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "place", ["https://evil.example", "//evil.example", "/\\evil.example", "docs", "/a\nb", "/%0d%0a/x"]
)
def test_the_way_back_stays_on_this_server(office: Api, place: str) -> None:
    answer = browser(office).get("/api/session/github", params={"next": place})
    if answer.status_code == 302:
        assert answer.headers["location"].startswith(office.web.providers.github.url)  # type: ignore[union-attr]
        assert place.startswith("/%")
    else:
        assert problem(answer) == (422, "INPUT")


def test_github_out_of_reach_is_told(office: Api, github: Provider) -> None:
    client = browser(office)
    location = github.authorize(start(client))
    away = replace(office.web.providers.github, url="http://127.0.0.1:1", api_url="http://127.0.0.1:1")  # type: ignore[type-var]
    office.app.state.web = replace(office.web, providers=replace(office.web.providers, github=away))
    assert problem(come_back(client, location)) == (503, "UNAVAILABLE")


def test_no_token_of_github_can_be_read_from_the_database(office: Api, github: Provider, tmp_path: object) -> None:
    log_in(office, github)
    [token] = github.tokens
    database = office.web.answers._engine.url.database
    assert database is not None
    from pathlib import Path

    for file in Path(database).parent.glob("mlmon.db*"):
        assert token.encode() not in file.read_bytes()


def test_who_leaves_a_team_loses_its_role_while_logged_in(office: Api, github: Provider) -> None:
    client = log_in(office, github)
    github.teams = []
    office.clock.pass_(minutes=14)
    assert client.get("/api/session").status_code == 200
    assert ("ml_engineer", "pricing") in roles(office, "octocat")
    office.clock.pass_(minutes=2)
    assert {one["role"] for one in client.get("/api/session").json()["roles"]} == {"model_sponsor"}
    assert roles(office, "octocat") == {("model_sponsor", "*")}


def test_who_joins_a_team_gets_its_role_while_logged_in(office: Api, github: Provider) -> None:
    github.teams = []
    client = log_in(office, github)
    github.teams = ["acme/pricing"]
    office.clock.pass_(minutes=16)
    assert {one["role"] for one in client.get("/api/session").json()["roles"]} == {"model_sponsor", "ml_engineer"}


def test_teams_are_asked_for_once_in_a_quarter_of_an_hour(office: Api, github: Provider) -> None:
    client = log_in(office, github)
    office.clock.pass_(minutes=16)
    before = len(github.asked)
    for _ in range(5):
        client.get("/api/session")
    assert len(github.asked) - before == 3, "who it is, the organisations, the teams"


def test_a_session_ends_when_github_no_longer_accepts_the_person(office: Api, github: Provider) -> None:
    client = log_in(office, github)
    github.tokens.clear()
    office.clock.pass_(minutes=16)
    assert problem(client.get("/api/session")) == (401, "UNAUTHENTICATED")
    assert problem(client.get("/api/session")) == (401, "UNAUTHENTICATED")


def test_a_token_that_is_another_person_now_ends_the_session(office: Api, github: Provider) -> None:
    client = log_in(office, github)
    github.user = {**github.user, "id": 1}
    office.clock.pass_(minutes=16)
    assert problem(client.get("/api/session")) == (401, "UNAUTHENTICATED")


def test_while_github_is_out_of_reach_roles_last_for_an_hour(office: Api, github: Provider) -> None:
    client = log_in(office, github)
    away = replace(office.web.providers.github, api_url="http://127.0.0.1:1")  # type: ignore[type-var]
    office.app.state.web = replace(office.web, providers=replace(office.web.providers, github=away))
    office.clock.pass_(minutes=50)
    assert client.get("/api/session").status_code == 200
    office.clock.pass_(minutes=11)
    assert problem(client.get("/api/session")) == (503, "UNAVAILABLE")
    office.app.state.web = office.web
    office.clock.pass_(minutes=2)
    assert client.get("/api/session").status_code == 200
