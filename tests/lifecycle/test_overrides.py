"""Breaking the glass: two admins, a reason, an hour, an alarm; and findings that gates ask for."""

import pytest
from governed import Clock, Mailbox, declared, deployed

from mlmon_dagster.errors import BlockedError, DeniedError, InputError
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.findings import report_status, report_test
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.lifecycle.overrides import break_glass
from mlmon_dagster.lifecycle.people import link_person
from mlmon_dagster.lifecycle.promotions import reject, request_promotion
from mlmon_dagster.lifecycle.queries import findings, gate_verdict, open_alerts
from mlmon_dagster.pipeline.deployment import Gate

MAIL = Mailbox()
ONE = declared(channels=[MAIL])
GATE = Gate(tests=("integration",), statuses=("ci",))
STRICT = declared(prod=GATE)


@pytest.fixture
def ready(governance: Governance) -> Governance:
    """Version 1 lives in dev only, and there are two admins."""
    deployed(governance, ONE, "dev", 1)
    grant_role(governance, "ada", "admin", actor="root")
    return governance


def override(governance: Governance, promotion: str, actor: str, reason: str = "outage") -> str:
    return break_glass(governance, ONE, promotion, actor=actor, reason=reason).state


def test_two_admins_open_a_closed_gate_and_everybody_is_alarmed(ready: Governance) -> None:
    asked = request_promotion(ready, ONE, "prod", 1, actor="mia")
    with pytest.raises(BlockedError):
        open_promotion(ready, ONE, asked.id)
    assert override(ready, asked.id, "root") == "proposed"
    with pytest.raises(BlockedError):
        open_promotion(ready, ONE, asked.id)
    assert override(ready, asked.id, "ada") == "granted"
    assert open_promotion(ready, ONE, asked.id).state == "started"
    (alert,) = open_alerts(ready)
    assert "root and ada" in alert.reason
    assert MAIL.sent[-1][1] == alert.reason


def test_one_admin_is_not_enough_under_whatever_names(ready: Governance) -> None:
    asked = request_promotion(ready, ONE, "prod", 1, actor="mia")
    link_person(ready, "ada", "root", actor="root")
    override(ready, asked.id, "root")
    for name in ("root", "ada"):
        with pytest.raises(DeniedError, match="second admin"):
            override(ready, asked.id, name)


@pytest.mark.parametrize("name", ["mia", "pia", "sue", "max", "machine:dagster"])
def test_nobody_but_admins_breaks_the_glass(ready: Governance, name: str) -> None:
    asked = request_promotion(ready, ONE, "prod", 1, actor="mia")
    with pytest.raises(DeniedError):
        override(ready, asked.id, name)


def test_a_proposal_and_an_override_last_an_hour(ready: Governance, clock: Clock) -> None:
    asked = request_promotion(ready, ONE, "prod", 1, actor="mia")
    override(ready, asked.id, "root")
    clock.pass_(hours=1)
    assert override(ready, asked.id, "ada") == "proposed"
    clock.pass_(minutes=59)
    assert override(ready, asked.id, "root") == "granted"
    clock.pass_(minutes=59)
    assert gate_verdict(ready, ONE, asked).open
    clock.pass_(minutes=1)
    assert not gate_verdict(ready, ONE, asked).open


def test_granting_again_changes_nothing(ready: Governance) -> None:
    asked = request_promotion(ready, ONE, "prod", 1, actor="mia")
    for name in ("root", "ada"):
        override(ready, asked.id, name)
    before = ready.ledger.verify()
    assert override(ready, asked.id, "ada") == "granted"
    assert ready.ledger.verify() == before


def test_there_is_no_glass_without_a_reason_or_a_gate(ready: Governance) -> None:
    asked = request_promotion(ready, ONE, "prod", 1, actor="mia")
    with pytest.raises(InputError, match="reason"):
        override(ready, asked.id, "root", " ")
    reject(ready, asked.id, actor="sue", reason="no")
    with pytest.raises(BlockedError, match="rejected"):
        override(ready, asked.id, "root")


def test_a_gate_waits_for_its_tests_and_statuses(governance: Governance) -> None:
    deployed(governance, STRICT, "staging", 1)
    asked = request_promotion(governance, STRICT, "prod", 1, actor="mia")

    def missing() -> set[str]:
        return {one.name for one in gate_verdict(governance, STRICT, asked).unmet} & {"test integration", "status ci"}

    assert missing() == {"test integration", "status ci"}
    report_test(governance, STRICT.pipeline, "dev", "integration", passed=True)
    report_status(governance, STRICT.pipeline, "d" * 40, "ci", passed=True)
    assert missing() == {"test integration", "status ci"}
    report_test(governance, STRICT.pipeline, "staging", "integration", passed=False, detail="2 of 40 failed")
    report_status(governance, STRICT.pipeline, STRICT.git_commit, "ci", passed=True)
    assert missing() == {"test integration"}
    report_test(governance, STRICT.pipeline, "staging", "integration", passed=True)
    assert missing() == set()
    governance.ledger.verify()


def test_the_same_finding_is_recorded_once(governance: Governance) -> None:
    for _ in range(3):
        report_status(governance, STRICT.pipeline, "d" * 40, "ci", passed=True, detail="green")
    with governance.ledger.read() as reading:
        assert len(reading.entries(action="finding.reported")) == 1
    assert [one.passed for one in findings(governance, "prices")] == [True]


def test_findings_are_refused_from_who_may_not_and_about_nothing(governance: Governance) -> None:
    with pytest.raises(DeniedError):
        report_status(governance, STRICT.pipeline, "d" * 40, "ci", passed=True, actor="mia")
    with pytest.raises(InputError, match="whole commit"):
        report_status(governance, STRICT.pipeline, "HEAD", "ci", passed=True)
    with pytest.raises(BlockedError, match="nothing of prices is live"):
        report_test(governance, STRICT.pipeline, "staging", "integration", passed=True)
    with pytest.raises(InputError, match="1 to 100"):
        report_status(governance, STRICT.pipeline, "d" * 40, " ", passed=True)
