"""Lists: pages by a cursor that nobody can make up, and one answer for one Idempotency-Key."""

import base64

import pytest
from api_office import Api, problem

from mlmon_dagster.lifecycle.alerts import raise_alert


@pytest.fixture
def alerted(api: Api) -> Api:
    for number in range(7):
        raise_alert(api.governance, api.ours.pipeline, "dev", f"check_{number}", window=None, reason="as told")
    return api


def test_pages_hold_every_item_once(alerted: Api) -> None:
    client, seen, cursor = alerted.by_token("sue", "read"), [], None
    while True:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/alerts", params=query).json()
        seen += [one["check"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"check_{number}" for number in reversed(range(7))]


def test_pages_of_the_audit_log_hold_every_entry_once(alerted: Api) -> None:
    client, seen, cursor = alerted.by_token("root", "read"), [], None
    while True:
        query = {"limit": "4"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/audit-logs", params=query).json()
        seen += [one["seq"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == alerted.governance.ledger.verify()[0]


def test_a_cursor_that_was_made_up_or_is_of_another_list_is_refused(alerted: Api) -> None:
    client = alerted.by_token("sue", "read")
    cursor = client.get("/api/alerts", params={"limit": "2"}).json()["next"]
    forged = base64.urlsafe_b64encode(base64.urlsafe_b64decode(cursor)[:16] + b"alert-1").decode()
    for path, query in [
        ("/api/alerts", {"cursor": forged}),
        ("/api/alerts", {"cursor": cursor, "state": "open"}),
        ("/api/promotions", {"cursor": cursor}),
        ("/api/alerts", {"cursor": "x"}),
        ("/api/alerts", {"cursor": "é"}),
        ("/api/audit-logs", {"cursor": cursor}),
    ]:
        assert problem(client.get(path, params=query)) == (400, "CURSOR"), (path, query)


def test_one_key_gives_one_effect_and_one_answer(registered: Api) -> None:
    client = registered.by_token("mia", "request")
    body = {"pipeline": "prices", "environment": "dev", "reason": "first"}
    headers = {"Idempotency-Key": "nightly-1"}
    first = client.post("/api/promotions", json=body, headers=headers)
    length = registered.length
    again = client.post("/api/promotions", json=body, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replay"] == "true"
    other = client.post("/api/promotions", json={**body, "reason": "second"}, headers=headers)
    assert problem(other) == (409, "IDEMPOTENCY_CONFLICT")
    assert registered.length == length


def test_a_key_is_of_one_caller(registered: Api) -> None:
    body, headers = {"pipeline": "prices", "environment": "dev"}, {"Idempotency-Key": "1"}
    first = registered.by_token("mia").post("/api/promotions", json=body, headers=headers)
    other = registered.by_token("dan").post("/api/promotions", json=body, headers=headers)
    assert first.status_code == other.status_code == 201
    assert "idempotent-replay" not in other.headers


def test_a_refusal_is_judged_anew(api: Api) -> None:
    from governed import version

    from mlmon_dagster.governance.roles import MACHINE
    from mlmon_dagster.lifecycle.models import register_model

    client, headers = api.by_token("mia", "request"), {"Idempotency-Key": "1"}
    body = {"pipeline": "prices", "environment": "dev"}
    assert problem(client.post("/api/promotions", json=body, headers=headers)) == (404, "MISSING")
    register_model(api.governance, api.ours.pipeline, version(1), actor=MACHINE)
    assert client.post("/api/promotions", json=body, headers=headers).status_code == 201


def test_keys_that_race_have_one_effect(registered: Api) -> None:
    from concurrent.futures import ThreadPoolExecutor

    client = registered.by_token("mia", "request")
    body, headers = {"pipeline": "prices", "environment": "dev"}, {"Idempotency-Key": "race"}
    before = registered.length
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(client.post, "/api/promotions", json=body, headers=headers) for _ in range(8)]
        found = [call.result().status_code for call in calls]
    assert set(found) <= {201, 409}
    assert 201 in found
    assert registered.length == before + 2, "the version of the pipeline file, and the request"
