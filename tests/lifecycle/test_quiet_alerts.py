"""Alerts that wake nobody, alerts that come back, and alerts that reach nobody."""

from datetime import timedelta

import pytest
from governed import START, Clock, Declared, Mailbox, changed, declared

from mlmon_dagster.errors import BlockedError, DeniedError, InputError
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.lifecycle.alerts import plan_maintenance, raise_alert, reopen_alert, resolve_alert
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.queries import alerts, open_alerts
from mlmon_dagster.pipeline.rules import Severity


class Office:
    """A pipeline whose alerts go to one mailbox."""

    def __init__(self, governance: Governance, **monitoring: object) -> None:
        self.governance, self.mailbox = governance, Mailbox()
        one = declared(channels=[self.mailbox])
        self.declared: Declared = changed(one, "model_monitoring", **monitoring) if monitoring else one

    def fail(self, check: str = "inputs", window: str | None = "2026-01-05", severity: Severity = "warning") -> Alert:
        pipeline = self.declared.pipeline
        return raise_alert(self.governance, pipeline, "dev", check, window=window, reason="drift", severity=severity)


def test_checks_that_fail_in_one_window_wake_people_once(governance: Governance) -> None:
    office = Office(governance)
    first, second = office.fail("inputs"), office.fail("price_ks")
    other = office.fail("rows", window="2026-01-12")
    assert (second.cause, other.cause) == (first.id, None)
    assert first.id in second.quiet
    assert [facts["check"] for _, _, facts in office.mailbox.sent] == ["inputs", "rows"]
    assert len(open_alerts(governance)) == 3
    resolve_alert(governance, first.id, actor="max", reason="repaired")
    assert [alert.id for alert in open_alerts(governance)] == [other.id]
    governance.ledger.verify()


def test_within_the_cooldown_a_new_alert_is_recorded_and_not_sent(governance: Governance, clock: Clock) -> None:
    office = Office(governance, cooldown="1h")
    first = office.fail()
    resolve_alert(governance, first.id, actor="max", reason="repaired")
    clock.pass_(minutes=59)
    second = office.fail(window="2026-01-12")
    assert (second.open, "less than 1h ago" in second.quiet, len(office.mailbox.sent)) == (True, True, 1)
    resolve_alert(governance, second.id, actor="max", reason="repaired")
    clock.pass_(minutes=1)
    assert office.fail(window="2026-01-19").quiet == ""
    assert len(office.mailbox.sent) == 2


def test_maintenance_wakes_nobody_and_closes_gates_all_the_same(governance: Governance, clock: Clock) -> None:
    office = Office(governance)
    pipeline, until = office.declared.pipeline, START + timedelta(hours=2)
    plan_maintenance(governance, pipeline, "dev", until=until, reason="the source moves", actor="max")
    alert = office.fail()
    assert (alert.open, office.mailbox.sent) == (True, [])
    assert "the source moves" in alert.quiet
    clock.pass_(hours=2)
    assert office.fail("price_ks", window="2026-01-12").quiet == ""
    with pytest.raises(DeniedError):
        plan_maintenance(governance, pipeline, None, until=until, reason="?", actor="mia")
    for end, reason in ((clock.time, "late"), (until + timedelta(days=1), " ")):
        with pytest.raises(InputError):
            plan_maintenance(governance, pipeline, None, until=end, reason=reason, actor="max")


def test_maintenance_of_one_environment_leaves_the_others_loud(governance: Governance) -> None:
    office = Office(governance)
    until = START + timedelta(hours=2)
    plan_maintenance(governance, office.declared.pipeline, "prod", until=until, reason="work", actor="max")
    assert office.fail().quiet == ""


def test_a_resolved_alert_is_reopened_with_a_reason(governance: Governance) -> None:
    office = Office(governance)
    alert = office.fail()
    with pytest.raises(BlockedError, match="is open"):
        reopen_alert(governance, alert.id, actor="max", reason="again")
    resolve_alert(governance, alert.id, actor="max", reason="repaired")
    with pytest.raises(InputError):
        reopen_alert(governance, alert.id, actor="max", reason=" ")
    with pytest.raises(DeniedError):
        reopen_alert(governance, alert.id, actor="mia", reason="again")
    opened = reopen_alert(governance, alert.id, actor="max", reason="it came back")
    assert (opened.state, opened.resolved_by, opened.note) == ("open", None, "it came back")
    assert opened.raised_by_entry == opened.seq
    governance.ledger.verify()


def test_an_alert_is_not_reopened_beside_a_newer_one(governance: Governance) -> None:
    office = Office(governance)
    alert = office.fail()
    resolve_alert(governance, alert.id, actor="max", reason="repaired")
    newer = office.fail(window="2026-01-12")
    with pytest.raises(BlockedError, match=newer.id):
        reopen_alert(governance, alert.id, actor="max", reason="again")


def test_a_channel_gets_what_is_bad_enough_for_it(governance: Governance) -> None:
    office = Office(governance)
    office.mailbox.at_least = "critical"  # type: ignore[attr-defined]
    office.fail()
    assert office.mailbox.sent == []
    office.fail("heartbeat", window="2026-01-12", severity="critical")
    assert office.mailbox.sent[0][2]["severity"] == "critical"


def test_an_alert_that_reached_nobody_is_a_failed_check(governance: Governance, clock: Clock) -> None:
    office = Office(governance)
    office.mailbox.refuses = True
    alert = office.fail()
    assert alert.undelivered == "the mailbox is full"
    judged = governance.judgements.latest("prices", "dev")["alert_delivery"]
    assert (judged.verdict, judged.reason) == ("error", "the mailbox is full")
    office.mailbox.refuses = False
    clock.pass_(minutes=1)
    office.fail("price_ks", window="2026-01-12")
    assert governance.judgements.latest("prices", "dev")["alert_delivery"].verdict == "ok"
    assert len(alerts(governance)) == 2
