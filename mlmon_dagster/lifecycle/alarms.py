"""What alarms of CloudWatch do to alerts.

An alarm that goes off raises an alert, one that is over resolves it. An alarm that comes back within ten minutes
reopens its alert, which then stays open until a person resolves it: one that flaps is told once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mlmon_dagster.governance.access import Used
from mlmon_dagster.governance.alerts import OPEN, Alert
from mlmon_dagster.governance.audit import read, written
from mlmon_dagster.governance.roles import CLOUDWATCH_HOOK
from mlmon_dagster.lifecycle.alerts import raise_alert, reopen_alert, resolve_alert
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import Credentials

FLAPPING = timedelta(minutes=10)
KEPT = timedelta(days=60)
"""How long the last state of an alarm is remembered, to tell what came late."""


@dataclass(frozen=True)
class Alarm:
    """One change of an alarm's state, as CloudWatch tells it."""

    id: str
    """Its ARN, or its name."""
    name: str
    state: str
    """`OK`, `ALARM` or `INSUFFICIENT_DATA`."""
    reason: str
    changed_at: datetime


def take_alarm(
    governance: Governance, credentials: Credentials, pipeline: Pipeline, environment: str | None, alarm: Alarm
) -> str:
    """Carries out what the alarm's new state means, and says it in a word.

    Notifications may come in any order: of an alarm, only what is newer than the last one counts. Missing data
    resolves nothing.
    """
    if alarm.state == "INSUFFICIENT_DATA":
        return "ignored"
    seen = Used(f"alarm|{alarm.id}"[:256], alarm.changed_at + KEPT, written(alarm.changed_at))
    known = credentials.one(Used, seen.id)
    if known is not None and read(known.value) >= alarm.changed_at:
        return "outdated"
    check = f"cloudwatch/{alarm.name}"[:128]
    with governance.ledger.read() as reading:
        past = reading.newest(Alert, 1, pipeline=pipeline.name, environment=environment, check=check)
    last = past[0] if past else None
    if alarm.state == "OK":
        said = _over(governance, last, alarm)
    else:
        said = _off(governance, pipeline, environment, check, last, alarm)
    credentials.save(seen)
    return said


def _over(governance: Governance, last: Alert | None, alarm: Alarm) -> str:
    if last is None or last.state not in OPEN:
        return "noted"
    if last.opened_entry:
        return "held"
    resolve_alert(governance, last.id, actor=CLOUDWATCH_HOOK, reason=f"the alarm is over: {alarm.reason}"[:1000])
    return "resolved"


def _off(
    governance: Governance, pipeline: Pipeline, environment: str | None, check: str, last: Alert | None, alarm: Alarm
) -> str:
    if last is not None and last.state in OPEN:
        return "open"
    if last is not None and last.resolved_at and alarm.changed_at - last.resolved_at < FLAPPING:
        reopen_alert(governance, last.id, actor=CLOUDWATCH_HOOK, reason=f"it came back: {alarm.reason}"[:1000])
        return "reopened"
    raise_alert(governance, pipeline, environment, check, window=None, reason=alarm.reason, actor=CLOUDWATCH_HOOK)
    return "raised"
