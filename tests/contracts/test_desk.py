"""What a desk promises, here and at a server."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from api_office import ORIGIN, PASSWORD, Api, staffed
from governed import Clock, deployed, judge, version

from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.client import Client, Connection
from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.desk import Desk
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.ports import Measured

DeskOf = Callable[[str], Desk | Client]


@pytest.fixture
def api(database: Database, clock: Clock, tmp_path: Path) -> Api:
    one = staffed(database, clock, tmp_path)
    register_model(one.governance, one.ours.pipeline, version(1), actor=MACHINE)
    return one


@pytest.fixture(params=["here", "at a server"])
def desk(request: pytest.FixtureRequest, api: Api) -> DeskOf:
    """The desk of a person, by name."""

    def here(name: str) -> Desk:
        return Desk(api.web.premises, name)

    def there(name: str) -> Client:
        http = api.client()
        secret, _ = Connection(ORIGIN, http=http).log_in(name, PASSWORD)
        http.cookies.clear()
        return Client(Connection(ORIGIN, session=secret, http=http))

    return here if request.param == "here" else there


def test_a_promotion_is_requested_approved_and_rejected(desk: DeskOf, api: Api) -> None:
    deployed(api.governance, api.ours, "dev")
    asked = desk("mia").promotions.request("prices", "staging", 1, reason="ready")
    assert asked.record.requester == "mia"
    assert asked.receipt.seq == asked.record.seq
    assert asked.gate is not None
    assert not asked.gate.open
    approved = desk("sue").promotions.approve(asked.record.id, reason="reviewed")
    assert approved.gate is not None
    assert approved.gate.open
    assert desk("max").promotions.get(asked.record.id) == approved.record
    assert [one.approver for one in desk("max").promotions.approvals(asked.record.id)] == ["sue"]
    assert desk("max").promotions.gate(asked.record.id) == approved.gate
    rejected = desk("mia").promotions.reject(asked.record.id, reason="found a bug")
    assert (rejected.record.state, rejected.record.reason) == ("rejected", "found a bug")
    assert [one.id for one in desk("max").promotions.list("prices", "staging", "rejected")] == [asked.record.id]


def test_refusals_are_the_same_errors_with_the_same_codes(desk: DeskOf) -> None:
    asked = desk("mia").promotions.request("prices", "dev").record.id
    for name, error, code in [("max", DeniedError, "DENIED"), ("mia", DeniedError, "DENIED")]:
        with pytest.raises(error) as refusal:
            desk(name).promotions.approve(asked)
        assert refusal.value.code == code
    with pytest.raises(MissingError):
        desk("pia").promotions.approve("promotion-999")
    desk("mia").promotions.reject(asked, reason="no")
    with pytest.raises(BlockedError) as over:
        desk("pia").promotions.approve(asked)
    assert over.value.code == "NOT_PENDING"
    with pytest.raises(InputError):
        desk("pia").pipelines.unlock("prices", "model_registry", reason="")


def test_who_requested_cannot_approve(desk: DeskOf, api: Api) -> None:
    deployed(api.governance, api.ours, "dev")
    asked = desk("pia").promotions.request("prices", "staging").record.id
    with pytest.raises(DeniedError) as refusal:
        desk("pia").promotions.approve(asked)
    assert refusal.value.code == "SELF_APPROVAL"


def test_deployments_are_listed_and_rolled_back(desk: DeskOf, api: Api) -> None:
    deployed(api.governance, api.ours, "staging", 1)
    register_model(api.governance, api.ours.pipeline, version(2), actor=MACHINE)
    second = deployed(api.governance, api.ours, "staging", 2)
    assert [one.version for one in desk("sue").deployments.list("prices", "staging")] == [1, 2]
    assert desk("sue").deployments.get(second.id) == second
    back = desk("pia").deployments.roll_back("prices", "staging", reason="errors")
    assert (back.record.version, back.record.state) == (1, "live")
    assert desk("sue").deployments.health(back.record.id) == "healthy"
    with pytest.raises(BlockedError):
        desk("pia").deployments.roll_back("prices", "prod", reason="errors")


def test_alerts_are_acknowledged_and_resolved(desk: DeskOf, api: Api) -> None:
    alert = raise_alert(api.governance, api.ours.pipeline, None, "inputs", window=None, reason="drift")
    assert desk("sue").alerts.list(state="active") == (alert,)
    assert desk("max").alerts.acknowledge(alert.id).record.acknowledged_by == "max"
    assert desk("max").alerts.resolve(alert.id, reason="done").record.state == "resolved"
    assert desk("sue").alerts.get(alert.id).note == "done"
    with pytest.raises(DeniedError):
        desk("sue").alerts.acknowledge(alert.id)


def test_pipelines_are_shown_and_locked(desk: DeskOf, api: Api) -> None:
    assert [one.name for one in desk("sue").pipelines.list("pricing")] == ["prices"]
    locked = desk("pia").pipelines.lock("prices", "model_registry", reason="as reviewed")
    page = desk("sue").pipelines.get("prices")
    assert page.locks == (locked.record,)
    assert page.digest == api.ours.digest
    assert desk("pia").pipelines.unlock("prices", "model_registry", reason="new").record.stage == "model_registry"
    assert desk("sue").pipelines.locks("prices") == ()


def test_model_versions_are_shown(desk: DeskOf) -> None:
    found = desk("sue").models.versions("prices")
    assert [one.number for one in found] == [1]
    assert desk("sue").models.get("prices", 1) == found[0]
    assert desk("sue").models.list("prices") == found
    with pytest.raises(MissingError):
        desk("sue").models.get("prices", 9)


def test_monitoring_is_shown(desk: DeskOf, api: Api) -> None:
    judge(api.governance, "dev")
    at = api.clock()
    measured = [
        Measured("prices", "dev", "model_monitoring", "2026-01-05", name, value, 1, at)
        for name, value in (("rows", 10.0), ("performance.mae", 2.5), ("drift.x", math.inf))
    ]
    api.governance.metrics.record(measured)
    shown = desk("sue").monitoring
    assert {one.name for one in shown.metrics("prices", "dev")} == {"rows", "performance.mae", "drift.x"}
    assert shown.series("prices", "drift.x", "dev")[0].value == math.inf
    assert [one.value for one in shown.series("prices", "rows", "dev")] == [10.0]
    assert [one.value for one in shown.performance("prices", "dev")] == [2.5]
    assert [one.check for one in shown.drift("prices", "dev")] == ["inputs", "price_ks"]
    assert len(shown.history("prices", "dev", "inputs")) == 1
    assert len(shown.checks("prices", "dev")) == 2
    with pytest.raises(MissingError):
        shown.checks("nothing", "dev")


def test_runs_are_asked_for(desk: DeskOf) -> None:
    asked = desk("mia").runs.request("prices", ["data_ingestion"], window="2026-01-05", reason="late rows")
    promotion = desk("mia").promotions.request("prices", "dev").record.id
    deploying = desk("mia").runs.deploy(promotion)
    assert deploying.record.stages == ("model_deployment",)
    assert desk("sue").runs.list("prices") == (asked.record, deploying.record)
    with pytest.raises(DeniedError):
        desk("sue").runs.request("prices", ["model_registry"])


def test_versions_differences_and_rules_are_shown(desk: DeskOf) -> None:
    new = desk("sue").pipelines.diff("prices")
    assert new
    assert all(one.before is None for one in new), "nothing was seen before"
    assert desk("sue").pipelines.versions("prices") == ()
    assert desk("sue").pipelines.rules("prices")


def test_members_are_granted_and_revoked(desk: DeskOf) -> None:
    granted = desk("root").members.grant("new", "model_sponsor", project="pricing")
    assert granted.record.granted_by == "root"
    assert granted.record in desk("sue").members.list()
    assert desk("root").members.revoke("new", "model_sponsor", project="pricing").record.name == "new"
    with pytest.raises(DeniedError):
        desk("pia").members.grant("pia", "admin")
    with pytest.raises(InputError):
        desk("root").members.grant("new", "owner")


def test_the_audit_log_is_shown_and_verified(desk: DeskOf, api: Api) -> None:
    recorded = desk("mia").promotions.request("prices", "dev")
    line = desk("sue").audit.get(recorded.receipt.seq)
    assert (line.hash, line.leaf) == (recorded.receipt.hash, recorded.receipt.leaf_hash)
    assert desk("sue").audit.list("prices", newest=1) == (line,)
    assert len(desk("root").audit.list(newest=5)) == 5
    verified = desk("root").audit.verify()
    assert (verified.valid, verified.entries) == (True, api.governance.ledger.verify()[0])


def test_of_a_foreign_project_not_even_the_names_are_seen(desk: DeskOf, api: Api) -> None:
    asked = desk("mia").promotions.request("prices", "dev")
    alert = raise_alert(api.governance, api.ours.pipeline, None, "inputs", window=None, reason="drift")
    eve = desk("eve")
    assert [one.name for one in eve.pipelines.list()] == ["foreign"]
    assert eve.promotions.list() == ()
    assert eve.alerts.list() == ()
    assert eve.deployments.list() == ()
    assert eve.models.list() == ()
    assert {line.entry.project for line in eve.audit.list(newest=100)} <= {"strangers"}
    attempts = [
        lambda: eve.promotions.get(asked.record.id),
        lambda: eve.promotions.gate(asked.record.id),
        lambda: eve.promotions.approve(asked.record.id),
        lambda: eve.promotions.reject(asked.record.id, reason="x"),
        lambda: eve.promotions.request("prices", "dev"),
        lambda: eve.alerts.get(alert.id),
        lambda: eve.alerts.resolve(alert.id, reason="x"),
        lambda: eve.pipelines.get("prices"),
        lambda: eve.pipelines.lock("prices", "model_registry"),
        lambda: eve.models.versions("prices"),
        lambda: eve.monitoring.checks("prices"),
        lambda: eve.deployments.list("prices"),
        lambda: eve.audit.get(asked.receipt.seq),
    ]
    for attempt in attempts:
        with pytest.raises(MissingError) as refusal:
            attempt()
        said = str(refusal.value)
        assert "pricing" not in said
        assert "known: prices" not in said


def test_a_key_asks_once(desk: DeskOf) -> None:
    asked = desk("mia").promotions.request("prices", "dev", key="release-7").record
    desk("mia").promotions.reject(asked.id, reason="no")
    assert desk("mia").promotions.request("prices", "dev", key="release-7").record.id == asked.id


def test_two_admins_override_a_gate(desk: DeskOf) -> None:
    desk("root").members.grant("pia", "admin")
    asked = desk("mia").promotions.request("prices", "prod", 1).record
    with pytest.raises(DeniedError):
        desk("sue").promotions.override(asked.id, reason="outage")
    assert desk("root").promotions.override(asked.id, reason="outage").record.state == "proposed"
    assert desk("pia").promotions.override(asked.id, reason="outage").record.granted_by == "pia"
    assert desk("sue").promotions.gate(asked.id).open


def test_names_of_one_person_are_linked(desk: DeskOf) -> None:
    linked = desk("root").members.link("sue", "pia")
    assert desk("mia").members.people() == (linked.record,)
    with pytest.raises(DeniedError):
        desk("mia").members.link("mia", "pia")
    assert desk("root").members.unlink("sue", reason="two people").record.person == "pia"
    assert desk("mia").members.people() == ()


def test_findings_are_reported_and_listed(desk: DeskOf, api: Api) -> None:
    deployed(api.governance, api.ours, "dev")
    status = desk("pia").findings.status("prices", "a" * 40, "ci", passed=True).record
    test = desk("pia").findings.test("prices", "dev", "integration", passed=False, detail="2 failed").record
    assert desk("sue").findings.list("prices") == (status, test)
    with pytest.raises(DeniedError):
        desk("mia").findings.status("prices", "a" * 40, "ci", passed=True)
    with pytest.raises(InputError):
        desk("pia").findings.status("prices", "HEAD", "ci", passed=True)
