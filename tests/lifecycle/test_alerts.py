"""Alerts: one for each failed check, open until somebody resolves it."""

import pytest
from governed import CAST, Mailbox, declared

from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.roles import PERMITTED
from mlmon_dagster.lifecycle.alerts import acknowledge_alert, raise_alert, resolve_alert
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.queries import alerts, open_alert, open_alerts


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


def fail(governance: Governance, mailbox: Mailbox, window: str | None = "2026-01-05", check: str = "inputs") -> Alert:
    pipeline = declared(channels=[mailbox]).pipeline
    return raise_alert(governance, pipeline, "dev", check, window=window, reason="price has drifted")


def test_a_failed_check_is_told_once(governance: Governance, mailbox: Mailbox) -> None:
    alert = fail(governance, mailbox)
    entries = governance.ledger.verify()
    assert fail(governance, mailbox) == alert
    assert governance.ledger.verify() == entries
    assert len(mailbox.sent) == 1
    title, body, facts = mailbox.sent[0]
    assert "prices" in title
    assert "inputs" in title
    assert body == "price has drifted"
    assert facts["id"] == alert.id


def test_further_windows_count_and_are_not_sent(governance: Governance, mailbox: Mailbox) -> None:
    first = fail(governance, mailbox)
    for window in ("2026-01-12", "2026-01-05", "2026-01-12", "2026-01-19"):
        latest = fail(governance, mailbox, window)
    assert (latest.id, latest.count, latest.window) == (first.id, 3, "2026-01-19")
    assert len(mailbox.sent) == 1
    assert len(open_alerts(governance)) == 1


def test_each_check_has_its_own_alert(governance: Governance, mailbox: Mailbox) -> None:
    assert fail(governance, mailbox).id != fail(governance, mailbox, check="price_ks").id


def test_after_it_was_resolved_a_failure_opens_a_new_one(governance: Governance, mailbox: Mailbox) -> None:
    first = fail(governance, mailbox)
    resolve_alert(governance, first.id, actor="max", reason="repaired")
    assert open_alert(governance, "prices", "dev", "inputs") is None
    second = fail(governance, mailbox)
    assert second.id != first.id
    assert (second.count, len(mailbox.sent), len(alerts(governance))) == (1, 2, 2)


def test_what_no_channel_took_is_recorded(governance: Governance, mailbox: Mailbox) -> None:
    mailbox.refuses = True
    alert = fail(governance, mailbox)
    assert alert.undelivered == "the mailbox is full"
    with governance.ledger.read() as reading:
        actions = [line.entry.action for line in reading.entries(subject=alert.id)]
    assert actions == ["alert.raised", "alert.undeliverable"]


def test_one_broken_channel_does_not_silence_the_others(governance: Governance, mailbox: Mailbox) -> None:
    broken = Mailbox(refuses=True)
    pipeline = declared(channels=[broken, mailbox]).pipeline
    alert = raise_alert(governance, pipeline, "dev", "inputs", window=None, reason="drift")
    assert alert.undelivered
    assert len(mailbox.sent) == 1


def test_an_acknowledged_alert_stays_open(governance: Governance, mailbox: Mailbox) -> None:
    alert = fail(governance, mailbox)
    known = acknowledge_alert(governance, alert.id, actor="max", reason="on it")
    assert (known.state, known.acknowledged_by, known.open) == ("acknowledged", "max", True)
    assert acknowledge_alert(governance, alert.id, actor="root") == known


def test_a_resolved_alert_is_not_acknowledged(governance: Governance, mailbox: Mailbox) -> None:
    alert = fail(governance, mailbox)
    resolve_alert(governance, alert.id, actor="max", reason="repaired")
    with pytest.raises(BlockedError, match="resolved"):
        acknowledge_alert(governance, alert.id, actor="max")


def test_resolving_needs_a_reason_and_an_alert(governance: Governance, mailbox: Mailbox) -> None:
    alert = fail(governance, mailbox)
    with pytest.raises(InputError, match="reason"):
        resolve_alert(governance, alert.id, actor="max", reason="")
    with pytest.raises(MissingError, match=alert.id):
        resolve_alert(governance, "alert-0", actor="max", reason="repaired")


@pytest.mark.parametrize("name", CAST)
def test_who_may_resolve(governance: Governance, mailbox: Mailbox, name: str) -> None:
    alert = fail(governance, mailbox)
    if set(CAST[name]) & set(PERMITTED["alerts"]):
        assert resolve_alert(governance, alert.id, actor=name, reason="repaired").resolved_by == name
    else:
        with pytest.raises(DeniedError):
            resolve_alert(governance, alert.id, actor=name, reason="repaired")
