"""Our pages: everybody sees what the API tells them, nobody sees more, and nothing that came from elsewhere runs."""

import re
from datetime import timedelta
from html import unescape

import pytest
from api_office import OUTSIDER, Api, problem
from fastapi.routing import APIRoute
from governed import CAST, deployed, judge, version
from starlette.testclient import TestClient

from mlmon_dagster.governance.projections import ACTIONS
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.alerts import raise_alert, resolve_alert
from mlmon_dagster.lifecycle.locks import set_lock
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.projects import save_project
from mlmon_dagster.lifecycle.promotions import approve, request_promotion
from mlmon_dagster.web import pages
from mlmon_dagster.web.api import routers as api_routers
from mlmon_dagster.web.pages.page import PageRoute

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def busy(api: Api) -> Api:
    """One of everything: versions, deployments, a waiting promotion with an approval, alerts, verdicts, a lock."""
    governance, ours = api.governance, api.ours
    deployed(governance, ours, "staging")
    for week in range(3):
        judge(governance, "staging", window=f"2026-01-{5 + 7 * week:02}")
    asked = request_promotion(governance, ours, "prod", 1, actor="mia", reason="ready", key="")
    approve(governance, ours, asked.id, actor="sue", reason="reviewed")
    alert = raise_alert(governance, ours.pipeline, "dev", "inputs", window="2026-01-05", reason=HOSTILE)
    resolve_alert(governance, alert.id, actor="max", reason="repaired")
    raise_alert(governance, ours.pipeline, "dev", "price_ks", window="2026-01-12", reason=HOSTILE)
    set_lock(governance, ours.pipeline, "model_registry", actor="pia", reason="frozen")
    save_project(governance, "pricing", actor="root", description=HOSTILE)
    register_model(governance, ours.pipeline, version(2), actor=MACHINE)
    return api


PAGES = (
    "/",
    "/?project=pricing",
    "/pipelines/prices",
    "/pipelines/prices/monitoring",
    "/pipelines/prices/monitoring?environment=dev",
    "/pipelines/prices/versions",
    "/promotions",
    "/promotions?state=pending",
    "/promotions/{promotion}",
    "/deployments",
    "/deployments?state=live",
    "/deployments/{deployment}",
    "/alerts",
    "/alerts?state=active",
    "/alerts/{alert}",
    "/models",
    "/models/prices/1",
    "/audit",
    "/audit?actor=mia",
    "/audit/1",
    "/people",
    "/projects",
    "/reports",
    "/integrations",
)


def addresses(api: Api) -> dict[str, str]:
    with api.governance.ledger.read() as reading:
        lines = reading.entries()
    newest = {line.entry.subject.partition("-")[0]: line.entry.subject for line in lines}
    return {"promotion": newest["promotion"], "deployment": newest["deployment"], "alert": newest["alert"]}


def text(answer: "TestClient | object") -> str:
    return unescape(re.sub(r"<[^>]+>", " ", getattr(answer, "text", "")))


@pytest.mark.parametrize("name", [*CAST])
def test_every_role_sees_every_page_of_its_projects(busy: Api, name: str) -> None:
    client, known = busy.logged_in(name), addresses(busy)
    for place in PAGES:
        answer = client.get(place.format(**known), follow_redirects=False)
        assert answer.status_code == 200, (place, text(answer))
        assert answer.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_the_list_of_pages_is_whole(busy: Api) -> None:
    routes = [route for router in pages.routers() for route in router.routes]
    assert all(isinstance(route, PageRoute) for route in routes)
    declared = {route.path for route in routes if isinstance(route, PageRoute)} - {"/login"}
    tried = {re.sub(r"\?.*", "", place) for place in PAGES}
    names = {
        "/pipelines/{pipeline}": "/pipelines/prices",
        "/pipelines/{pipeline}/monitoring": "/pipelines/prices/monitoring",
        "/pipelines/{pipeline}/versions": "/pipelines/prices/versions",
        "/promotions/{id}": "/promotions/{promotion}",
        "/deployments/{id}": "/deployments/{deployment}",
        "/alerts/{id}": "/alerts/{alert}",
        "/models/{pipeline}/{number}": "/models/prices/1",
        "/audit/{seq}": "/audit/1",
    }
    assert {names.get(path, path) for path in declared} == tried


def test_nothing_that_came_from_elsewhere_becomes_markup(busy: Api) -> None:
    client, known = busy.logged_in("root"), addresses(busy)
    shown = 0
    for place in PAGES:
        answer = client.get(place.format(**known))
        assert "<script>alert" not in answer.text, place
        assert "<img" not in answer.text, place
        shown += "&lt;script&gt;alert(1)" in answer.text
    assert shown >= 4


def test_a_stranger_is_led_to_the_login_and_back(api: Api) -> None:
    client = api.client()
    answer = client.get("/promotions?state=pending", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/promotions%3Fstate%3Dpending")
    login = client.get(answer.headers["location"])
    assert login.status_code == 200
    assert 'data-then="/promotions?state=pending"' in login.text


@pytest.mark.parametrize("place", ["//evil.example", "https://evil.example", "/\\evil", "javascript:alert(1)"])
def test_the_login_leads_to_no_other_server(api: Api, place: str) -> None:
    answer = api.client().get("/login", params={"next": place})
    assert answer.status_code == 422
    assert "evil" not in answer.text.replace("next", "")


def test_other_projects_are_not_there(busy: Api) -> None:
    client, known = busy.logged_in(OUTSIDER), addresses(busy)
    for place in ("/pipelines/prices", "/promotions/{promotion}", "/deployments/{deployment}", "/alerts/{alert}"):
        answer = client.get(place.format(**known))
        assert answer.status_code == 404, place
        assert answer.headers["content-type"].startswith("text/html")
    for place in ("/", "/promotions", "/alerts", "/deployments", "/models", "/projects"):
        assert "prices" not in text(client.get(place)), place


def test_a_page_says_what_it_cannot_show(api: Api) -> None:
    client = api.logged_in("root")
    refused = {"/pipelines/prizes": 404, "/audit/999999": 404, "/alerts?state=lost": 422, "/?x=1": 422}
    for place, status in refused.items():
        answer = client.get(place)
        assert answer.status_code == status, place
        assert "Traceback" not in answer.text
        assert "<h1>" in answer.text
    assert "prices" in text(client.get("/pipelines/prizes")), "the nearest name is told"


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("place", ["/pipeline/prices", "/favicon.ico", "/assets/none.js", "/apis", "/%3Cb%3E"])
def test_an_address_with_nothing_at_it_is_a_page_for_a_person(api: Api, place: str) -> None:
    for client in (api.logged_in("mia"), api.client(), api.client(Authorization="Bearer mlm_x", Accept=BROWSER)):
        answer = client.get(place, headers={"Accept": BROWSER}, follow_redirects=False)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "there is nothing at this address" in answer.text
        assert '<a class="button" href="/">To the fleet</a>' in answer.text
        assert "<b>" not in answer.text


def test_only_who_is_logged_in_sees_the_bar_of_pages_there(api: Api) -> None:
    headers = {"Accept": BROWSER}
    assert 'href="/promotions"' in api.logged_in("mia").get("/nothing", headers=headers).text
    assert 'href="/promotions"' not in api.client().get("/nothing", headers=headers).text


@pytest.mark.parametrize(("place", "accept"), [("/api/nothing", BROWSER), ("/api", BROWSER), ("/nothing", "*/*")])
def test_a_program_is_told_in_a_problem_document(api: Api, place: str, accept: str) -> None:
    assert problem(api.logged_in("mia").get(place, headers={"Accept": accept})) == (404, "NO_ROUTE")


def test_pages_say_that_there_is_nothing(api: Api) -> None:
    client = api.logged_in("root")
    lists = ("/", "/promotions", "/alerts", "/deployments", "/models")
    for place in (*lists, "/pipelines/prices", "/pipelines/prices/monitoring"):
        assert client.get(place).status_code == 200, place
    assert "No version is registered yet" in text(client.get("/models"))
    assert "Nothing was judged in prod yet" in text(client.get("/pipelines/prices/monitoring"))


def test_a_promotion_shows_its_gate_condition_by_condition(busy: Api) -> None:
    id = addresses(busy)["promotion"]
    gate = busy.by_token("mia", "read").get(f"/api/promotions/{id}/gate").json()
    shown = text(busy.logged_in("mia").get(f"/promotions/{id}"))
    assert "Gate: closed" in re.sub(r"\s+", " ", shown)
    for condition in gate["conditions"]:
        assert condition["name"] in shown
        assert condition["detail"] in shown


def test_only_what_one_may_do_is_offered(busy: Api) -> None:
    id = addresses(busy)["promotion"]
    call = f"POST /api/promotions/{id}/approve"
    offered = {name for name in CAST if call in busy.logged_in(name).get(f"/promotions/{id}").text}
    assert offered == {"root", "pia", "pat", "sue", "sol"}
    assert call not in busy.by_token("pia", "read").get(f"/promotions/{id}").text, "a token never approves"


def test_everything_that_a_page_offers_is_in_the_api(busy: Api) -> None:
    client, known = busy.logged_in("root"), addresses(busy)
    routes = [route for router in api_routers() for route in router.routes if isinstance(route, APIRoute)]
    found = set()
    for place in (*PAGES, "/login"):
        found |= set(re.findall(r'data-call="(\w+) ([^"?]+)', client.get(place.format(**known)).text))
    assert len(found) > 12
    for method, path in found:
        matching = [route for route in routes if route.path_regex.match(path.removeprefix("/api"))]
        assert any(method in (route.methods or ()) for route in matching), (method, path)


def test_a_page_follows_every_action_of_the_log(api: Api) -> None:
    page = api.logged_in("root").get("/")
    assert f'<meta name="actions" content="{" ".join(ACTIONS)}">' in page.text


def test_old_moments_are_told_in_days(busy: Api) -> None:
    busy.clock.time += timedelta(minutes=50)
    assert "50 minutes ago" in text(busy.logged_in("root").get("/audit"))
