"""Reports: controls judged by the log, pages kept as evidence."""

from dataclasses import replace
from pathlib import Path

import pytest
from api_office import Api, problem
from governed import deployed

from mlmon_dagster.adapters.local.object_store import FileObjectStore
from mlmon_dagster.adapters.report.compliance import compliance_page
from mlmon_dagster.governance.compliance import Span, controls
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.pipeline.stages import StageKey


@pytest.fixture
def office(api: Api, tmp_path: Path) -> Api:
    outputs = Outputs(FileObjectStore(tmp_path / "store"))
    premises = replace(api.web.premises, outputs=lambda: outputs, page=compliance_page)
    api.app.state.web = replace(api.web, premises=premises)
    return replace(api, web=api.app.state.web)


def verdicts(api: Api, days: int = 1) -> dict[str, str]:
    from datetime import timedelta

    now = api.governance.now()
    entries = [line.entry for line in api.governance.ledger.lines()]
    span = Span(now - timedelta(days=days), now + timedelta(seconds=1))
    return {one.id: one.verdict for one in controls(entries, span)}


def test_what_did_not_happen_is_never_satisfied(api: Api) -> None:
    found = verdicts(api)
    assert (found["four-eyes"], found["overrides"], found["alerts"]) == ("not exercised",) * 3


def test_what_was_done_rightly_is_satisfied(api: Api) -> None:
    deployed(api.governance, api.ours, "prod")
    found = verdicts(api)
    assert (found["four-eyes"], found["traceability"], found["access"]) == ("satisfied",) * 3


def test_a_deployment_without_consents_is_found(api: Api) -> None:
    """As if somebody had taken the approvals out of the log before it was written: the report looks at entries only."""
    from datetime import timedelta

    deployed(api.governance, api.ours, "prod")
    now = api.governance.now()
    entries = [line.entry for line in api.governance.ledger.lines() if line.entry.action != "promotion.approved"]
    found = {one.id: one for one in controls(entries, Span(now - timedelta(days=1), now + timedelta(seconds=1)))}
    assert found["four-eyes"].verdict == "violated"
    assert len(found["four-eyes"].evidence) == 2, "staging and prod"


def test_alerts_that_stay_open_are_found(api: Api) -> None:
    raise_alert(api.governance, api.ours.pipeline, "dev", "inputs", window=None, reason="drift")
    assert verdicts(api)["alerts"] == "satisfied"
    api.clock.pass_(days=8)
    assert verdicts(api, 9)["alerts"] == "violated"


def test_a_compliance_report_is_generated_listed_and_downloaded(office: Api) -> None:
    deployed(office.governance, office.ours, "prod")
    client = office.by_token("sue", "read")
    office.clock.pass_(seconds=1)
    made = client.post("/api/reports", json={"kind": "compliance", "project": "pricing"})
    assert made.status_code == 201, made.text
    assert (made.json()["kind"], made.json()["generated_by"]) == ("compliance", "sue")
    assert [one["id"] for one in client.get("/api/reports").json()["items"]] == [made.json()["id"]]
    assert client.get(f"/api/reports/{made.json()['id']}").json()["digest"] == made.json()["digest"]
    page = client.get(f"/api/reports/{made.json()['id']}/content")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "No control is violated" in page.text
    assert "verified: " in page.text
    assert "promotion.approved" in page.text
    entry = client.get(f"/api/audit-logs/{made.json()['receipt']['seq']}").json()
    assert entry["data"]["digest"] == made.json()["digest"]


def test_what_somebody_wrote_cannot_become_part_of_the_page(office: Api) -> None:
    raise_alert(
        office.governance, office.ours.pipeline, "dev", "inputs", window=None, reason="<script>alert(1)</script>"
    )
    client = office.by_token("sue", "read")
    office.clock.pass_(seconds=1)
    made = client.post("/api/reports", json={"kind": "compliance", "pipeline": "prices"}).json()
    page = client.get(f"/api/reports/{made['id']}/content").text
    assert "&lt;script&gt;" in page
    assert "<script" not in page


def test_the_page_of_a_window_is_kept_as_it_is_now(office: Api) -> None:
    key = StageKey("prices", "prod", "model_monitoring")
    outputs = office.web.premises.outputs
    assert outputs is not None
    outputs().write_page(key, "2026-01-05", "<p>first</p>")
    client = office.by_token("max", "read")
    body = {"kind": "monitoring", "pipeline": "prices", "environment": "prod", "window": "2026-01-05"}
    made = client.post("/api/reports", json=body)
    assert made.status_code == 201, made.text
    outputs().write_page(key, "2026-01-05", "<p>second</p>")
    assert client.get(f"/api/reports/{made.json()['id']}/content").text == "<p>first</p>"


def test_a_page_that_was_changed_is_not_shown(office: Api, tmp_path: Path) -> None:
    client = office.by_token("sue", "read")
    made = client.post("/api/reports", json={"kind": "compliance"}).json()
    [file] = (tmp_path / "store" / "reports").iterdir()
    file.write_text("<p>all well</p>", encoding="utf-8")
    assert problem(client.get(f"/api/reports/{made['id']}/content")) == (502, "TAMPERED")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "INPUT")),
        ({"kind": "secret"}, (422, "INPUT")),
        ({"kind": "monitoring"}, (422, "INPUT")),
        ({"kind": "monitoring", "pipeline": "prices", "environment": "prod", "window": "2026-01-06"}, (422, "INPUT")),
        ({"kind": "monitoring", "pipeline": "prices", "environment": "prod", "window": "2020-01-06"}, (404, "MISSING")),
        ({"kind": "compliance", "window": "2026-01-05"}, (422, "INPUT")),
        ({"kind": "compliance", "since": "2026-01-05"}, (422, "INPUT")),
        ({"kind": "compliance", "since": "2026-01-05T12:00:00"}, (422, "INPUT")),
        ({"kind": "compliance", "since": 1767614400}, (422, "INPUT")),
        ({"kind": "compliance", "since": "9999-12-31T23:59:59-14:00"}, (422, "INPUT")),
        ({"kind": "compliance", "until": "0001-01-01T00:00:00+14:00"}, (422, "INPUT")),
        ({"kind": "compliance", "since": "2026-02-30T00:00:00Z"}, (422, "INPUT")),
        ({"kind": "compliance", "until": "2199-01-01T00:00:00Z"}, (422, "INPUT")),
        ({"kind": "compliance", "pipeline": "nothing"}, (404, "MISSING")),
    ],
)
def test_what_cannot_be_reported(office: Api, body: dict[str, object], expected: tuple[int, str]) -> None:
    client = office.by_token("sue", "read")
    before = office.length
    assert problem(client.post("/api/reports", json=body)) == expected
    assert office.length == before


def test_reports_of_a_foreign_project_are_not_there(office: Api) -> None:
    made = office.by_token("sue", "read").post("/api/reports", json={"kind": "compliance", "project": "pricing"}).json()
    stranger = office.by_token("eve", "read")
    assert problem(stranger.get(f"/api/reports/{made['id']}")) == (404, "MISSING")
    assert problem(stranger.get(f"/api/reports/{made['id']}/content")) == (404, "MISSING")
    assert stranger.get("/api/reports").json()["items"] == []
    assert problem(stranger.post("/api/reports", json={"kind": "compliance"})) == (403, "DENIED")
    assert problem(stranger.post("/api/reports", json={"kind": "compliance", "project": "pricing"})) == (403, "DENIED")
