"""Attacks on every route there is, taken from the API's own description, so that a new route is attacked too."""

import json
from collections.abc import Iterator

import pytest
from api_office import OUTSIDER, Api, problem
from governed import deployed, version

from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.promotions import request_promotion

UNSAFE = ("post", "put", "patch", "delete")
JSON = {"Content-Type": "application/json"}
QUERIES = {"environment": "dev", "since": "2026-01-05"}
CANARY = "canary-0c59a1f37b"


def operations(api: Api, *methods: str) -> Iterator[tuple[str, str, str]]:
    """Method, path (with the queries that it must have) and permission of every route that asks who is there."""
    for path, ways in api.app.openapi()["paths"].items():
        for method, operation in ways.items():
            if method in methods and operation["x-permission"] != "public":
                needed = [
                    one for one in operation.get("parameters", ()) if one["in"] == "query" and one.get("required")
                ]
                queries = "&".join(f"{one['name']}={QUERIES.get(one['name'], 'x')}" for one in needed)
                yield method, f"{path}?{queries}" if queries else path, operation["x-permission"]


def furnished(api: Api) -> dict[str, object]:
    """Something of everything of ours, by the names that paths have for it."""
    live = deployed(api.governance, api.ours, "staging")
    register_model(api.governance, api.ours.pipeline, version(2), actor=MACHINE)
    asked = request_promotion(api.governance, api.ours, "dev", 2, actor="mia")
    alert = raise_alert(api.governance, api.ours.pipeline, "dev", "inputs", window=None, reason="drift")
    return {"promotions": asked.id, "deployments": live.id, "alerts": alert.id, "pipeline": "prices", "number": 1}


def placed(path: str, known: dict[str, object]) -> str:
    """The path to something that is there, as far as it is known what that could be."""
    noun = path.split("/")[2]
    values = {"id": known.get(noun, "promotion-9"), "pipeline": "prices", "number": 1, "seq": 1, "name": "pricing"}
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", str(value))
    return path.replace("{", "").replace("}", "")


FOREIGN: dict[str, dict[str, str]] = {
    "no origin": {"Origin": ""},
    "another site": {"Origin": "https://evil.example"},
    "a site with our name": {"Origin": "http://testserver.evil.example"},
    "no site": {"Origin": "null"},
    "no secret": {"X-CSRF-Token": ""},
    "another secret": {"X-CSRF-Token": "x" * 43},
    "a form of another site": {"Origin": "https://evil.example", "Content-Type": "application/x-www-form-urlencoded"},
    "text of another site": {"Origin": "https://evil.example", "Content-Type": "text/plain"},
}


def test_no_route_is_changed_from_a_foreign_page(api: Api) -> None:
    known = furnished(api)
    session, attempts = api.logged_in("root"), 0
    before = api.length
    for method, path, _ in operations(api, *UNSAFE):
        for headers in FOREIGN.values():
            answer = session.request(method, placed(path, known), content=b"{}", headers={**JSON, **headers})
            refused = [(403, "ORIGIN"), (403, "CSRF"), *([(415, "TYPE")] if "Content-Type" in headers else [])]
            assert problem(answer) in refused, (method, path, answer.text)
        attempts += 1
    assert attempts > 25
    assert api.length == before


def test_nothing_of_a_foreign_project_is_found_by_its_address(api: Api) -> None:
    known = furnished(api)
    session, attempts = api.logged_in(OUTSIDER), 0
    before = api.length
    for method, path, permission in operations(api, "get", *UNSAFE):
        if "{" not in path or permission in ("self", "admin"):
            continue
        answer = session.request(method, placed(path, known), content=None if method == "get" else b"{}", headers=JSON)
        refused = (404,) if method == "get" else (403, 404, 409, 415, 422)
        assert answer.status_code in refused, (method, path, answer.text)
        told = {"mia", "Shelf"} if "{name}" in path else {"mia", "Shelf", "pricing"}
        assert not any(word in answer.text for word in told), (path, answer.text)
        attempts += 1
    assert attempts > 20
    assert api.length == before


def test_nobody_without_a_name_gets_past_any_door(api: Api) -> None:
    known, before = furnished(api), api.length
    client = api.client()
    for method, path, _ in operations(api, "get", *UNSAFE):
        answer = client.request(method, placed(path, known), content=None if method == "get" else b"{}", headers=JSON)
        assert problem(answer)[0] == 401, (method, path)
    assert api.length >= before


def test_what_is_refused_is_repeated_nowhere(
    api: Api, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not in the answer, not in the logs, not in the audit log; whichever field holds it, whatever is wrong."""
    caplog.set_level("DEBUG")
    known = furnished(api)
    client, asked = api.by_token("root"), 0
    wrong: list[bytes] = [
        json.dumps({field: CANARY, "unknown": CANARY}).encode()
        for field in ("pipeline", "environment", "version", "reason", "name", "role", "stage", "password", "label")
    ]
    wrong += [f'{{"reason": "{CANARY}'.encode(), f'{{"{CANARY}": 1}}'.encode(), CANARY.encode()]
    for method, path, _ in operations(api, *UNSAFE):
        for body in wrong:
            answer = client.request(method, placed(path, known), content=body, headers=JSON)
            assert answer.status_code < 500, (method, path, answer.text)
            if answer.status_code >= 400:
                assert f'"{CANARY}"' not in answer.text.replace("\\", ""), (method, path, answer.text)
                asked += 1
    out, err = capfd.readouterr()
    assert asked > 60
    for said in (caplog.text, out, err):
        assert CANARY not in said
    with api.governance.ledger.read() as reading:
        assert not [line for line in reading.entries() if CANARY.encode() in line.payload]
