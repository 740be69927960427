"""A version's way to production and back, over the API alone."""

from api_office import Api, problem
from governed import deployed, judge, version

from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.deployments import finish_deployment, open_promotion
from mlmon_dagster.lifecycle.models import register_model


def test_a_version_goes_to_prod_by_request_two_approvals_and_the_gate(api: Api) -> None:
    deployed(api.governance, api.ours, "staging")
    asked = api.by_token("mia", "request").post(
        "/api/promotions", json={"pipeline": "prices", "environment": "prod", "version": 1, "reason": "ready"}
    )
    assert asked.status_code == 201
    promotion = asked.json()
    assert promotion["state"] == "requested"
    assert promotion["gate"]["open"] is False
    assert promotion["receipt"]["seq"] == promotion["seq"]
    id = promotion["id"]
    missing = [one["name"] for one in promotion["gate"]["conditions"] if not one["satisfied"]]
    assert missing == ["approvals", "production team"]
    for name in ("sue", "pia"):
        answer = api.logged_in(name).post(f"/api/promotions/{id}/approve", json={"reason": "reviewed"})
        assert answer.status_code == 200, answer.text
    assert answer.json()["gate"]["open"] is True
    started = open_promotion(api.governance, api.ours, id)
    finish_deployment(api.governance, started.id, "http://127.0.0.1:9/prod")
    sponsor = api.by_token("sue", "read")
    live = sponsor.get("/api/deployments", params={"environment": "prod", "state": "live"}).json()["items"]
    assert [(one["id"], one["version"]) for one in live] == [(started.id, 1)]
    given = sponsor.get(f"/api/promotions/{id}/approvals").json()
    assert [one["approver"] for one in given] == ["sue", "pia"]


def test_what_is_live_is_rolled_back_to_the_version_before(api: Api) -> None:
    deployed(api.governance, api.ours, "staging", 1)
    register_model(api.governance, api.ours.pipeline, version(2), actor=MACHINE)
    second = deployed(api.governance, api.ours, "staging", 2)
    client = api.by_token("pia", "operate")
    back = client.post(f"/api/deployments/{second.id}/rollback", json={"reason": "errors at 7 %"})
    assert back.status_code == 200, back.text
    assert (back.json()["version"], back.json()["state"]) == (1, "live")
    assert [placement.version.number for placement in api.target.switched] == [1]
    again = client.post(f"/api/deployments/{second.id}/rollback", json={"reason": "errors at 7 %"})
    assert problem(again) == (409, "BLOCKED")


def test_an_alert_is_acknowledged_and_resolved(api: Api) -> None:
    alert = raise_alert(api.governance, api.ours.pipeline, "dev", "inputs", window="2026-01-05", reason="drift")
    client = api.by_token("max", "operate", "read")
    assert client.get("/api/alerts", params={"state": "active"}).json()["items"][0]["id"] == alert.id
    assert client.post(f"/api/alerts/{alert.id}/acknowledge", json={}).json()["acknowledged_by"] == "max"
    resolved = client.post(f"/api/alerts/{alert.id}/resolve", json={"reason": "repaired"}).json()
    assert (resolved["state"], resolved["note"]) == ("resolved", "repaired")
    assert client.get("/api/alerts", params={"state": "active"}).json()["items"] == []


def test_a_stage_is_locked_and_unlocked(api: Api) -> None:
    client = api.by_token("pia", "operate", "read")
    locked = client.post("/api/pipelines/prices/lock", json={"stage": "model_registry", "reason": "as reviewed"})
    assert locked.json()["set_by"] == "pia"
    assert client.get("/api/pipelines/prices").json()["locks"][0]["stage"] == "model_registry"
    assert client.get("/api/pipelines").json()["items"][0]["locked"] == ["model_registry"]
    released = client.post("/api/pipelines/prices/unlock", json={"stage": "model_registry", "reason": "new features"})
    assert released.json()["receipt"]["seq"] == locked.json()["receipt"]["seq"] + 1
    assert client.get("/api/pipelines/prices/locks").json() == []


def test_every_change_is_in_the_audit_log_with_its_receipt(registered: Api) -> None:
    asked = registered.by_token("mia", "request").post(
        "/api/promotions", json={"pipeline": "prices", "environment": "dev"}
    )
    receipt = asked.json()["receipt"]
    reader = registered.by_token("root", "read")
    entry = reader.get(f"/api/audit-logs/{receipt['seq']}").json()
    assert (entry["action"], entry["actor"], entry["hash"]) == ("promotion.requested", "mia", receipt["hash"])
    newest = reader.get("/api/audit-logs", params={"action": "promotion.requested"}).json()["items"]
    assert [one["seq"] for one in newest] == [receipt["seq"]]
    assert reader.get("/api/audit-logs/verify").json()["valid"] is True


def test_monitoring_shows_verdicts_of_windows(api: Api) -> None:
    judge(api.governance, "dev")
    judge(api.governance, "dev", window="2026-01-12", checks=("inputs",), verdict="drift")
    reader = api.by_token("sue", "read")
    drift = reader.get("/api/monitoring/drift/prices", params={"environment": "dev"}).json()
    assert [(one["window"], one["check"], one["verdict"]) for one in drift] == [
        ("2026-01-05", "inputs", "ok"),
        ("2026-01-05", "price_ks", "ok"),
        ("2026-01-12", "inputs", "drift"),
    ]
    checks = reader.get("/api/monitoring/checks/prices", params={"environment": "dev"}).json()
    assert {one["check"]: one["verdict"] for one in checks} == {"inputs": "drift", "price_ks": "ok"}


def test_an_admin_grants_and_revokes_a_role(api: Api) -> None:
    admin = api.by_token("root", "admin", "read")
    granted = admin.post("/api/members", json={"name": "new", "role": "model_sponsor", "project": "pricing"})
    assert granted.status_code == 201
    assert "new" in [one["name"] for one in admin.get("/api/members").json()["items"]]
    gone = admin.delete("/api/members", params={"name": "new", "role": "model_sponsor", "project": "pricing"})
    assert gone.status_code == 200
    assert "new" not in [one["name"] for one in admin.get("/api/members").json()["items"]]
