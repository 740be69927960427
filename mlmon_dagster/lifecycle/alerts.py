"""Commands on alerts: raise, deliver, acknowledge, resolve, reopen; and times in which they wake nobody."""

from datetime import datetime
from typing import Any

from mlmon_dagster.errors import BlockedError, InputError, MissingError, UnavailableError
from mlmon_dagster.governance.alerts import OPEN, Alert
from mlmon_dagster.governance.audit import readable, written
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.governance.maintenance import Maintenance, under_way
from mlmon_dagster.governance.roles import MACHINE, permit
from mlmon_dagster.lifecycle.governance import Act, Governance, acting, known_actor
from mlmon_dagster.pipeline.rules import SEVERITIES, Severity
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.times import period
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import Channel, Reading

DELIVERY = "alert_delivery"
"""The check that says whether the last alert reached every channel."""


def raise_alert(
    governance: Governance,
    pipeline: Pipeline,
    environment: str | None,
    check: str,
    *,
    window: str | None,
    reason: str,
    severity: Severity = "warning",
    actor: str = MACHINE,
) -> Alert:
    """Raises the alert of a failed check and sends it over the pipeline's channels (`alert.raised`).

    While it is open a further window only counts, and the same window again changes nothing; neither is sent again.
    After it was resolved, a failure opens a new alert. It is recorded but not sent when another alert of the same
    window is open (their cause is one), within the pipeline's cooldown, and during maintenance; `quiet` says why. What
    no channel took is recorded (`alert.undeliverable`) and fails the check `alert_delivery`.
    """
    reason = readable(reason[:1000], "reason")
    with acting(governance, actor, "alerts", pipeline.project) as act:
        known = _open(act.books, pipeline.name, environment, check)
        if known is not None and _counted(act.books, known, window):
            return known
        id = known.id if known else f"alert-{act.books.next_seq}"
        cause = None if known else _cause(act.books, pipeline.name, environment, window)
        quiet = "" if known else _quiet(act, pipeline, environment, check, cause)
        data = {
            "check": check,
            "window": window,
            "reason": reason,
            "count": known.count + 1 if known else 1,
            "severity": severity,
            "cause": cause.id if cause else None,
            "quiet": quiet,
        }
        scope = {"project": pipeline.project, "pipeline": pipeline.name}
        act.append("alert.raised", id, data, environment=environment, **scope)
        alert = find_alert(act.books, id)
    return alert if known or quiet else _deliver(governance, pipeline, alert, actor)


def acknowledge_alert(governance: Governance, alert: str, *, actor: str, reason: str = "") -> Alert:
    """Somebody looks after it (`alert.acknowledged`); it still closes gates."""
    return _answer(governance, alert, "acknowledged", actor, reason)


def resolve_alert(governance: Governance, alert: str, *, actor: str, reason: str) -> Alert:
    """What it told of is over (`alert.resolved`); needs a reason. Alerts with the same cause are resolved with it."""
    if not reason.strip():
        raise InputError("resolving an alert needs a reason")
    found = _answer(governance, alert, "resolved", actor, reason)
    with governance.ledger.read() as reading:
        same = reading.find(Alert, cause=alert, state=OPEN)
    for one in same:
        _answer(governance, one.id, "resolved", actor, f"with {alert}: {reason}"[:2000])
    return found


def reopen_alert(governance: Governance, alert: str, *, actor: str, reason: str) -> Alert:
    """It was not over after all (`alert.reopened`): it closes gates again; needs a reason.

    `BlockedError` when it is not resolved, or when a newer alert of the same check is open.
    """
    reason = readable(reason, "reason")
    if not reason:
        raise InputError("reopening an alert needs a reason")
    with governance.ledger.transaction() as books:
        known, who = find_alert(books, alert), known_actor(books, actor)
        act = Act(books, who, permit(who, "alerts", known.project), governance.now())
        if known.open:
            raise BlockedError(f"{known.id} is {known.state}: only a resolved alert can be reopened")
        newer = _open(books, known.pipeline, known.environment, known.check)
        if newer is not None:
            raise BlockedError(f"{newer.id} is open for the same check", hint="go on with that one")
        _append(act, "alert.reopened", known, {"reason": reason})
        return find_alert(books, alert)


def plan_maintenance(
    governance: Governance,
    pipeline: Pipeline,
    environment: str | None,
    *,
    until: datetime,
    reason: str,
    actor: str,
    since: datetime | None = None,
) -> Maintenance:
    """Alerts of the pipeline wake nobody until then (`maintenance.set`); they are recorded and close gates."""
    reason = readable(reason, "reason")
    if not reason:
        raise InputError("maintenance needs a reason")
    with acting(governance, actor, "alerts", pipeline.project) as act:
        begin = since or act.at
        if until <= begin:
            raise InputError(f"maintenance ends ({until:%Y-%m-%d %H:%M}) before it begins ({begin:%Y-%m-%d %H:%M})")
        id = f"maintenance-{act.books.next_seq}"
        data = {"since": written(begin), "until": written(until), "reason": reason}
        scope = {"project": pipeline.project, "pipeline": pipeline.name}
        act.append("maintenance.set", id, data, environment=environment, **scope)
        return act.books.find(Maintenance, id=id)[0]


def find_alert(books: Reading, id: str) -> Alert:
    """The alert `id`; `MissingError` names the open ones."""
    found = books.one(Alert, id)
    if found is None:
        known = tuple(alert.id for alert in books.find(Alert, state=OPEN))
        raise MissingError(unknown("alert", id, known), hint="known are here the open ones")
    return found


def title(alert: Alert) -> str:
    """One line that says what failed where."""
    where = f" in {alert.environment}" if alert.environment else ""
    return f"{alert.pipeline}: the check {alert.check} failed{where}"


def facts(alert: Alert) -> dict[str, str | None]:
    """What a program on the other side of a channel needs to know."""
    return {
        "id": alert.id,
        "severity": alert.severity,
        "pipeline": alert.pipeline,
        "environment": alert.environment,
        "check": alert.check,
        "window": alert.window,
        "raised_at": alert.raised_at.isoformat(),
    }


def _answer(governance: Governance, id: str, state: str, actor: str, reason: str) -> Alert:
    reason = readable(reason, "reason")
    with governance.ledger.transaction() as books:
        alert, who = find_alert(books, id), known_actor(books, actor)
        act = Act(books, who, permit(who, "alerts", alert.project), governance.now())
        if alert.state == state:
            return alert
        if not alert.open:
            raise BlockedError(f"{alert.id} is {alert.state}")
        _append(act, f"alert.{state}", alert, {"reason": reason})
        return find_alert(books, id)


def _cause(books: Reading, pipeline: str, environment: str | None, window: str | None) -> Alert | None:
    """The open alert of the same window that came first: checks that fail in one window have one cause."""
    if window is None:
        return None
    same = books.find(Alert, pipeline=pipeline, environment=environment, window=window, state=OPEN)
    return next((one for one in same if one.cause is None), None)


def _quiet(act: Act, pipeline: Pipeline, environment: str | None, check: str, cause: Alert | None) -> str:
    """Why the alert wakes nobody; empty when it does."""
    planned = under_way(act.books.find(Maintenance, pipeline=pipeline.name), environment, act.at)
    if planned is not None:
        return f"{planned.id} until {planned.until:%Y-%m-%d %H:%M} UTC: {planned.reason}"[:256]
    if cause is not None:
        return f"the same window raised {cause.id}"
    cooldown = pipeline.stages.model_monitoring.cooldown
    if cooldown is not None:
        sent = act.books.find(Alert, pipeline=pipeline.name, environment=environment, check=check)
        last = max((one.raised_at for one in sent if not one.quiet), default=None)
        if last is not None and act.at - last < period(cooldown):
            return f"sent less than {cooldown} ago"
    return ""


def _deliver(governance: Governance, pipeline: Pipeline, alert: Alert, actor: str) -> Alert:
    channels: tuple[Channel, ...] = pipeline.stages.model_monitoring.channels
    failures = []
    for channel in channels:
        if SEVERITIES.index(alert.severity) < SEVERITIES.index(getattr(channel, "at_least", "info")):
            continue
        try:
            channel.send(title(alert), alert.reason, facts(alert))
        except UnavailableError as error:
            failures.append(error.message)
    if channels and alert.check != DELIVERY:
        _judge_delivery(governance, alert, failures)
    if not failures:
        return alert
    with acting(governance, actor, "alerts", alert.project) as act:
        _append(act, "alert.undeliverable", alert, {"reason": readable("; ".join(failures)[:1000], "reason")})
        return find_alert(act.books, alert.id)


def _judge_delivery(governance: Governance, alert: Alert, failures: list[str]) -> None:
    """The check `alert_delivery`: an alert that reached nobody is a failure of its own."""
    said = "; ".join(failures)[:1000] or f"{alert.id} reached every channel"
    verdict = "error" if failures else "ok"
    at = governance.now()
    judged = Judged(alert.pipeline, alert.environment, "alerting", None, DELIVERY, verdict, said, {}, None, at)
    governance.judgements.record([judged])


def _open(books: Reading, pipeline: str, environment: str | None, check: str) -> Alert | None:
    found = books.find(Alert, pipeline=pipeline, environment=environment, check=check, state=OPEN)
    return next(iter(found), None)


def _counted(books: Reading, alert: Alert, window: str | None) -> bool:
    told = books.entries(subject=alert.id, action="alert.raised")
    return any(line.entry.data["window"] == window for line in told)


def _append(act: Act, action: str, alert: Alert, data: dict[str, Any]) -> None:
    act.append(action, alert.id, data, project=alert.project, pipeline=alert.pipeline, environment=alert.environment)
