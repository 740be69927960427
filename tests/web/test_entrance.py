"""Who comes in: tokens, sessions, and what neither of them may do."""

import pytest
from api_office import ORIGIN, PASSWORD, Api, problem

from mlmon_dagster.governance.access import token_text
from mlmon_dagster.lifecycle.identity import disable_account, issue_token, revoke_token, tokens

UNSAFE = {"pipeline": "prices", "environment": "dev"}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic cm9vdDpyb290",
        "Bearer mlm_aaaaaaaa_" + "a" * 43,
        "Bearer mlm_aaaaaaaa_" + "a" * 42,
        "Bearer MLM_aaaaaaaa_" + "a" * 43,
        "Bearer mlm_../../.._" + "a" * 43,
        "Bearer mlm_aaaaaaaa_" + "a" * 5000,
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer null",
    ],
)
def test_no_token_but_an_issued_one_comes_in(api: Api, header: str) -> None:
    assert problem(api.client(Authorization=header).get("/api/promotions")) == (401, "UNAUTHENTICATED")


def test_a_token_with_one_letter_changed_does_not_come_in(api: Api) -> None:
    text = issue_token(api.web.identity, "mia", ["read"], 30, actor="mia").text
    for place in (4, 13, 30, len(text) - 1):
        other = text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]
        assert api.client(Authorization=f"Bearer {other}").get("/api/promotions").status_code == 401
    assert api.client(Authorization=f"Bearer {text}").get("/api/promotions").status_code == 200


def test_a_token_ends_by_time_by_revocation_and_with_its_account(api: Api) -> None:
    expiring, revoked, orphan = (api.by_token(name, "read") for name in ("mia", "pia", "sue"))
    revoke_token(api.web.identity, tokens(api.web.identity, "pia")[0].id, actor="pia")
    disable_account(api.web.identity, "sue", actor="root")
    assert problem(revoked.get("/api/alerts")) == (401, "UNAUTHENTICATED")
    assert problem(orphan.get("/api/alerts")) == (401, "UNAUTHENTICATED")
    assert expiring.get("/api/alerts").status_code == 200
    api.clock.pass_(days=30)
    assert problem(expiring.get("/api/alerts")) == (401, "UNAUTHENTICATED")


def test_what_is_kept_of_a_token_does_not_open_the_door(api: Api) -> None:
    issued = issue_token(api.web.identity, "mia", ["read"], 30, actor="mia")
    assert issued.text not in str(api.web.identity.credentials.find(type(issued.token)))
    forged = token_text(issued.token.id, issued.token.digest[:43])
    assert api.client(Authorization=f"Bearer {forged}").get("/api/alerts").status_code == 401


def test_a_token_does_no_more_than_its_scopes(registered: Api) -> None:
    assert problem(registered.by_token("root", "read").post("/api/promotions", json=UNSAFE)) == (403, "SCOPE")
    assert problem(registered.by_token("root", "request").get("/api/promotions")) == (403, "SCOPE")
    granting = registered.by_token("root", "operate").post("/api/members", json={"name": "x", "role": "admin"})
    assert problem(granting) == (403, "SCOPE")


def test_no_token_approves_whatever_its_scopes(registered: Api) -> None:
    asked = registered.by_token("mia").post("/api/promotions", json=UNSAFE).json()["id"]
    answer = registered.by_token("root").post(f"/api/promotions/{asked}/approve", json={})
    assert problem(answer) == (403, "TOKEN_CANNOT_APPROVE")


def test_a_token_begets_no_token(api: Api) -> None:
    assert problem(api.by_token("root").post("/api/tokens", json={"scopes": ["read"]})) == (403, "SESSION_ONLY")


def test_a_person_issues_and_revokes_an_own_token_and_sees_it_once(api: Api) -> None:
    session = api.logged_in("mia")
    issued = session.post("/api/tokens", json={"scopes": ["read"], "days": 7, "label": "notebook"}).json()
    assert issued["token"].startswith("mlm_")
    assert "token" not in session.get("/api/tokens").json()[0]
    assert "digest" not in session.get("/api/tokens").json()[0]
    program = api.client(Authorization=f"Bearer {issued['token']}")
    assert program.get("/api/session").json()["scopes"] == ["read"]
    assert api.logged_in("pia").delete(f"/api/tokens/{issued['id']}").status_code == 404
    assert session.delete(f"/api/tokens/{issued['id']}").status_code == 200
    assert program.get("/api/session").status_code == 401


@pytest.mark.parametrize(
    ("name", "password"), [("mia", "wrong password"), ("nobody", PASSWORD), ("mia", PASSWORD + " "), ("mia", "x")]
)
def test_a_wrong_name_or_password_gives_one_and_the_same_answer(api: Api, name: str, password: str) -> None:
    answer = api.client(Origin=ORIGIN).post("/api/session", json={"name": name, "password": password})
    assert problem(answer) == (401, "UNAUTHENTICATED")
    assert answer.json()["detail"] == "name or password is wrong"
    assert "set-cookie" not in answer.headers


def test_a_session_is_new_at_every_login_and_over_after_logout(api: Api) -> None:
    client = api.client(Origin=ORIGIN, Cookie="mlmon=fixed-by-an-attacker-" + "a" * 43)
    first = client.post("/api/session", json={"name": "mia", "password": PASSWORD})
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "fixed-by-an-attacker" not in cookie
    session = api.logged_in("mia")
    assert session.get("/api/session").json()["name"] == "mia"
    kept = session.cookies["mlmon"]
    assert session.delete("/api/session").status_code == 204
    assert api.client(Cookie=f"mlmon={kept}").get("/api/session").status_code == 401


def test_a_session_ends_after_an_idle_hour_and_after_twelve(api: Api) -> None:
    idle, busy = api.logged_in("mia"), api.logged_in("pia")
    for _ in range(14):
        api.clock.pass_(minutes=55)
        seen = busy.get("/api/session").status_code
        if seen != 200:
            break
    assert seen == 401
    assert api.clock.time.hour == 0
    assert idle.get("/api/session").status_code == 401


def test_approving_for_prod_takes_a_password_entered_a_moment_ago(api: Api) -> None:
    from governed import deployed

    deployed(api.governance, api.ours, "staging")
    asked = api.by_token("mia").post("/api/promotions", json={**UNSAFE, "environment": "prod"}).json()["id"]
    session = api.logged_in("pia")
    api.clock.pass_(minutes=16)
    assert problem(session.post(f"/api/promotions/{asked}/approve", json={})) == (403, "CONFIRM_FIRST")
    assert session.post("/api/session/confirm", json={"password": "not it"}).status_code == 401
    assert session.post("/api/session/confirm", json={"password": PASSWORD}).json()["fresh"] is True
    assert session.post(f"/api/promotions/{asked}/approve", json={}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": ORIGIN + ".evil.example"},
        {"Origin": ORIGIN.upper()},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "a" * 43},
    ],
)
def test_a_change_from_a_foreign_page_is_refused_in_a_session(registered: Api, headers: dict[str, str]) -> None:
    session = registered.logged_in("mia")
    before = registered.length
    status, code = problem(session.post("/api/promotions", json=UNSAFE, headers=headers))
    assert (status, code) in ((403, "ORIGIN"), (403, "CSRF"))
    assert registered.length == before
    assert session.post("/api/promotions", json=UNSAFE).status_code == 201


def test_a_foreign_page_cannot_log_somebody_in(api: Api) -> None:
    body = {"name": "mia", "password": PASSWORD}
    assert problem(api.client(Origin="https://evil.example").post("/api/session", json=body)) == (403, "ORIGIN")
    assert problem(api.client().post("/api/session", json=body)) == (403, "ORIGIN")


def test_logging_in_is_slowed_down(api: Api) -> None:
    from dataclasses import replace

    from mlmon_dagster.web.rates import Buckets, Rate

    moment = [0.0]
    api.app.state.web = replace(api.web, logins=Buckets(Rate(3, 0.1), clock=lambda: moment[0]))
    client = api.client(Origin=ORIGIN)
    body = {"name": "mia", "password": "guess"}
    assert [client.post("/api/session", json=body).status_code for _ in range(4)] == [401, 401, 401, 429]
    refused = client.post("/api/session", json=body)
    assert int(refused.headers["retry-after"]) >= 1
    moment[0] = 60
    assert client.post("/api/session", json=body).status_code == 401
