"""The rest of the catalogue of bad requests: who may not, what is over, what came before; exact status and code."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from api_office import ORIGIN, Api, problem
from governed import changed, deployed, version

from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.identity import issue_token, revoke_token
from mlmon_dagster.lifecycle.models import register_model

BODY = {"pipeline": "prices", "environment": "dev", "version": 1}


def asked(api: Api, name: str = "mia", environment: str = "dev") -> str:
    answer = api.by_token(name).post("/api/promotions", json={**BODY, "environment": environment})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def bearer(api: Api, text: str) -> Any:
    return api.client(Authorization=f"Bearer {text}").get("/api/promotions")


def expired(api: Api) -> Any:
    issued = issue_token(api.web.identity, "mia", ["read"], 1, actor="mia")
    api.clock.pass_(days=1)
    return bearer(api, issued.text)


def revoked(api: Api) -> Any:
    issued = issue_token(api.web.identity, "mia", ["read"], 1, actor="mia")
    revoke_token(api.web.identity, issued.token.id, actor="mia")
    return bearer(api, issued.text)


def approve(api: Api, name: str, id: str) -> Any:
    return api.logged_in(name).post(f"/api/promotions/{id}/approve", json={})


def own(api: Api) -> Any:
    deployed(api.governance, api.ours, "dev")
    return approve(api, "pia", asked(api, "pia", "staging"))


def done(api: Api) -> Any:
    id = asked(api)
    api.by_token("mia").post(f"/api/promotions/{id}/reject", json={"reason": "no"})
    return approve(api, "pia", id)


def late(api: Api) -> Any:
    id = asked(api)
    api.clock.pass_(hours=25)
    return approve(api, "pia", id)


def lapsed(api: Api) -> Any:
    id = asked(api)
    other = changed(api.ours, "cicd_enforcement", repository="acme/prices")
    premises = replace(api.web.premises, pipelines=lambda: {"prices": other})
    api.app.state.web = replace(api.web, premises=premises)
    return approve(api, "pia", id)


def other_body(api: Api) -> Any:
    client, key = api.by_token("mia"), {"Idempotency-Key": "one"}
    client.post("/api/promotions", json=BODY, headers=key)
    return client.post("/api/promotions", json={**BODY, "reason": "other"}, headers=key)


def stale(api: Api) -> Any:
    client = api.by_token("root")
    client.post("/api/projects", json={"name": "pricing"})
    tag = client.get("/api/projects/pricing").headers["etag"]
    client.post("/api/projects", json={"name": "pricing", "description": "x"})
    return client.put("/api/projects/pricing", json={}, headers={"If-Match": tag})


def other_list(api: Api) -> Any:
    for number in (2, 3):
        register_model(api.governance, api.ours.pipeline, version(number), actor=MACHINE)
    client = api.by_token("mia")
    cursor = client.get("/api/models", params={"limit": 1}).json()["next"]
    return client.get("/api/alerts", params={"cursor": cursor})


def in_session(api: Api, **headers: str | None) -> Any:
    client = api.logged_in("mia")
    for name, value in headers.items():
        client.headers.pop(name.replace("_", "-"), None)
        if value is not None:
            client.headers[name.replace("_", "-")] = value
    return client.post("/api/promotions", json=BODY)


STATES: dict[str, tuple[Callable[[Api], Any], tuple[int, str]]] = {
    "R47 no token": (lambda api: api.client().get("/api/promotions"), (401, "UNAUTHENTICATED")),
    "R47 expired": (expired, (401, "UNAUTHENTICATED")),
    "R47 revoked": (revoked, (401, "UNAUTHENTICATED")),
    "R47 foreign": (lambda api: bearer(api, f"mlm_abcdefgh_{'x' * 43}"), (401, "UNAUTHENTICATED")),
    "R47 another server's": (lambda api: bearer(api, "ghp_" + "x" * 36), (401, "UNAUTHENTICATED")),
    "R48 scope": (lambda api: api.by_token("mia", "read").post("/api/promotions", json=BODY), (403, "SCOPE")),
    "R49 other project": (lambda api: approve(api, "eve", asked(api)), (404, "MISSING")),
    "R50 own request": (own, (403, "SELF_APPROVAL")),
    "R50 token": (
        lambda api: api.by_token("pia").post(f"/api/promotions/{asked(api)}/approve", json={}),
        (403, "TOKEN_CANNOT_APPROVE"),
    ),
    "R51 done": (done, (409, "NOT_PENDING")),
    "R51 expired": (late, (409, "EXPIRED")),
    "R51 stale": (lapsed, (409, "LAPSED")),
    "R53 other body": (other_body, (409, "IDEMPOTENCY_CONFLICT")),
    "R54 stale tag": (stale, (412, "CHANGED")),
    "R55 another list's cursor": (other_list, (400, "CURSOR")),
    "R58 no origin": (lambda api: in_session(api, Origin=None), (403, "ORIGIN")),
    "R58 foreign origin": (lambda api: in_session(api, Origin=f"{ORIGIN}.evil.example"), (403, "ORIGIN")),
    "R58 no token": (lambda api: in_session(api, X_CSRF_Token=None), (403, "CSRF")),
}


@pytest.mark.parametrize("name", STATES)
def test_what_may_not_be_is_refused_by_its_code(registered: Api, name: str) -> None:
    act, expected = STATES[name]
    answer = act(registered)
    assert problem(answer) == expected
    assert not re.search("mlm_[a-z0-9]{8}", answer.text), "no answer repeats a secret"
    registered.governance.ledger.verify()
