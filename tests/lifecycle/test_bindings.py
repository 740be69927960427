"""What promotions and approvals are bound to: model, pipeline file, commit, evidence, people, time; and keys."""

from dataclasses import replace
from datetime import timedelta

import pytest
from governed import CHECKS, START, Clock, Declared, approved, declared, deployed, judge

from mlmon_dagster.errors import BlockedError, DeniedError, InputError
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.governance.promotions import Approval
from mlmon_dagster.lifecycle.alerts import raise_alert, resolve_alert
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.people import link_person, unlink_person
from mlmon_dagster.lifecycle.pipelines import declare_pipeline, present_version
from mlmon_dagster.lifecycle.promotions import approve, reject, request_promotion
from mlmon_dagster.lifecycle.queries import gate_verdict, opened_because, promotion

ONE = declared()


@pytest.fixture
def ready(governance: Governance) -> Governance:
    """Version 1 lives in staging and monitoring is content."""
    deployed(governance, ONE, "staging", 1)
    return governance


def unmet(governance: Governance, id: str, one: Declared = ONE) -> list[str]:
    return [found.name for found in gate_verdict(governance, one, promotion(governance, id)).unmet]


def judged(governance: Governance, verdict: str, clock: Clock, window: str = "2026-01-12") -> None:
    governance.judgements.record(
        [
            Judged("prices", "staging", "model_monitoring", window, check, verdict, "told", {}, 1, clock.time)
            for check in CHECKS
        ]
    )


def test_a_new_commit_lapses_the_promotion(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    other = replace(ONE, git_commit="d" * 40)
    assert "unchanged" in unmet(ready, asked.id, other)
    with pytest.raises(BlockedError, match="gate of prod is closed"):
        open_promotion(ready, other, asked.id)
    again = request_promotion(ready, other, "prod", 1, actor="mia")
    assert again.id != asked.id
    assert promotion(ready, asked.id).state == "lapsed"
    assert "approvals" in unmet(ready, again.id, other)


def test_m18_a_model_that_changed_after_its_approval_opens_no_gate(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    with pytest.raises(BlockedError, match="gate of prod is closed"):
        open_promotion(ready, ONE, asked.id, digest="e" * 64)
    found = gate_verdict(ready, ONE, promotion(ready, asked.id), digest="e" * 64)
    assert {one.name for one in found.unmet} == {"unchanged", "approvals", "production team"}
    assert open_promotion(ready, ONE, asked.id, digest=asked.digest).state == "started"


@pytest.mark.parametrize("verdict", ["drift", "error", "no_data", "insufficient"])
def test_a_failed_check_after_an_approval_ends_it_for_good(ready: Governance, clock: Clock, verdict: str) -> None:
    asked = approved(ready, ONE, "prod")
    clock.pass_(minutes=1)
    judged(ready, verdict, clock)
    clock.pass_(minutes=1)
    judged(ready, "ok", clock, "2026-01-19")
    assert unmet(ready, asked.id) == ["approvals", "production team"]
    clock.pass_(minutes=1)
    for name in ("pia", "sue"):
        approve(ready, ONE, asked.id, actor=name)
    assert unmet(ready, asked.id) == []
    assert open_promotion(ready, ONE, asked.id).state == "started"


def test_a_check_that_failed_for_another_version_ends_no_approval(ready: Governance, clock: Clock) -> None:
    asked = approved(ready, ONE, "prod")
    clock.pass_(minutes=1)
    told = Judged("prices", "staging", "model_monitoring", "2025-12-29", "inputs", "drift", "told", {}, 2, clock.time)
    ready.judgements.record([told])
    assert unmet(ready, asked.id) == []


def test_an_alert_after_an_approval_ends_it_also_when_it_is_resolved(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    alert = raise_alert(ready, ONE.pipeline, "staging", "inputs", window="2026-01-12", reason="drift")
    resolve_alert(ready, alert.id, actor="max", reason="repaired")
    assert unmet(ready, asked.id) == ["approvals", "production team"]


def test_an_approval_given_before_the_evidence_was_there_counts(governance: Governance) -> None:
    deployed(governance, ONE, "dev", 1)
    asked = request_promotion(governance, ONE, "staging", 1, actor="mia")
    approve(governance, ONE, asked.id, actor="pia")
    judge(governance, "dev", window="2026-01-19")
    assert unmet(governance, asked.id) == []


def test_an_approval_says_what_the_gate_said(ready: Governance) -> None:
    asked = request_promotion(ready, ONE, "prod", 1, actor="mia")
    seen = gate_verdict(ready, ONE, asked).digest
    approve(ready, ONE, asked.id, actor="pia")
    with ready.ledger.read() as reading:
        assert reading.find(Approval, promotion=asked.id)[0].evidence == seen


def test_the_entry_of_an_opened_gate_says_why(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    open_promotion(ready, ONE, asked.id)
    with ready.ledger.read() as reading:
        (line,) = reading.entries(action="promotion.opened", subject=asked.id)
    conditions = {name: detail for name, detail, _ in line.entry.data["conditions"]}
    assert conditions["approvals"] == "2 of 2: pia, sue"
    assert "check inputs" in conditions
    assert opened_because(ready, asked.id) == conditions
    assert opened_because(ready, "promotion-0") == {}


def test_two_names_of_one_person_count_once(ready: Governance) -> None:
    link_person(ready, "sue", "pia", actor="root")
    asked = approved(ready, ONE, "prod")
    assert unmet(ready, asked.id) == ["approvals"]
    approve(ready, ONE, asked.id, actor="sol")
    assert unmet(ready, asked.id) == []


def test_nobody_approves_an_own_request_under_another_name(ready: Governance) -> None:
    link_person(ready, "sue", "mia", actor="root")
    asked = request_promotion(ready, ONE, "prod", 1, actor="mia")
    with pytest.raises(DeniedError, match="requested by mia"):
        approve(ready, ONE, asked.id, actor="sue")


def test_a_link_made_later_takes_back_what_was_counted(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    link_person(ready, "sue", "pia", actor="root")
    assert unmet(ready, asked.id) == ["approvals"]
    unlink_person(ready, "sue", actor="root", reason="two people after all")
    assert unmet(ready, asked.id) == []


def test_links_lead_to_one_name_and_only_admins_make_them(ready: Governance) -> None:
    link_person(ready, "a", "b", actor="root")
    assert link_person(ready, "c", "a", actor="root").person == "b"
    before = ready.ledger.verify()
    assert link_person(ready, "c", "b", actor="root").person == "b"
    assert ready.ledger.verify() == before
    for name, other in (("b", "d"), ("a", "d")):
        with pytest.raises(BlockedError, match="linked already"):
            link_person(ready, name, other, actor="root")
    with pytest.raises(DeniedError):
        link_person(ready, "x", "y", actor="mia")
    with pytest.raises(InputError):
        link_person(ready, "x", "x", actor="root")
    with pytest.raises(InputError):
        unlink_person(ready, "x", actor="root", reason="?")


def test_a_key_asks_once_whatever_became_of_the_promotion(ready: Governance) -> None:
    asked = request_promotion(ready, ONE, "prod", 1, actor="mia", key="release-7")
    reject(ready, asked.id, actor="sue", reason="not yet")
    before = ready.ledger.verify()
    assert request_promotion(ready, ONE, "prod", 1, actor="mia", key="release-7").id == asked.id
    assert ready.ledger.verify() == before
    assert request_promotion(ready, ONE, "prod", 1, actor="mia", key="release-8").id != asked.id
    assert request_promotion(ready, ONE, "prod", 1, actor="dan", key="release-7").id != asked.id


def test_a_key_for_something_else_is_a_conflict(ready: Governance) -> None:
    request_promotion(ready, ONE, "prod", 1, actor="mia", key="release-7")
    for environment, version in (("prod", None), ("dev", 1)):
        with pytest.raises(BlockedError, match="another command"):
            request_promotion(ready, ONE, environment, version, actor="mia", key="release-7")
    with pytest.raises(InputError):
        request_promotion(ready, ONE, "prod", 1, actor="mia", key="k" * 151)


def test_what_a_decision_was_about_is_in_the_log(ready: Governance) -> None:
    with ready.ledger.read() as reading:
        known = present_version(reading, "prices")
    assert known is not None
    assert (known.digest, known.git_commit) == (ONE.digest, ONE.git_commit)
    assert known.body == {"pipeline": "prices", "threshold": "0.1"}
    before = ready.ledger.verify()
    declare_pipeline(ready, ONE)
    assert ready.ledger.verify() == before
    other = replace(ONE, digest="e" * 64)
    assert declare_pipeline(ready, other).digest == other.digest
    declare_pipeline(ready, ONE)
    with ready.ledger.read() as reading:
        found = present_version(reading, "prices")
    assert found is not None
    assert found.digest == ONE.digest
    ready.ledger.verify()


def test_time_and_stale_monitoring_close_the_gate(ready: Governance, clock: Clock) -> None:
    asked = approved(ready, ONE, "prod")
    clock.time = START + timedelta(hours=25)
    assert "in time" in unmet(ready, asked.id)
    clock.time = START + timedelta(days=22)
    again = approved(ready, ONE, "prod")
    assert unmet(ready, again.id) == ["monitoring is fresh"]
