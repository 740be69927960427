"""Commands on alerts: raise, deliver, acknowledge, resolve."""

from mlmon_dagster.errors import BlockedError, InputError, MissingError, UnavailableError
from mlmon_dagster.governance.alerts import OPEN, Alert
from mlmon_dagster.governance.audit import readable
from mlmon_dagster.governance.roles import MACHINE, permit
from mlmon_dagster.lifecycle.governance import Act, Governance, acting, known_actor
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import Channel, Reading


def raise_alert(
    governance: Governance,
    pipeline: Pipeline,
    environment: str | None,
    check: str,
    *,
    window: str | None,
    reason: str,
    actor: str = MACHINE,
) -> Alert:
    """Raises the alert of a failed check and sends it over the pipeline's channels (`alert.raised`).

    While it is open a further window only counts, and the same window again changes nothing; neither is sent again.
    After it was resolved, a failure opens a new alert. What no channel took is recorded (`alert.undeliverable`).
    """
    reason = readable(reason[:1000], "reason")
    with acting(governance, actor, "alerts", pipeline.project) as act:
        known = _open(act.books, pipeline.name, environment, check)
        if known is not None and _counted(act.books, known, window):
            return known
        id = known.id if known else f"alert-{act.books.next_seq}"
        data = {"check": check, "window": window, "reason": reason, "count": known.count + 1 if known else 1}
        scope = {"project": pipeline.project, "pipeline": pipeline.name}
        act.append("alert.raised", id, data, environment=environment, **scope)
        alert = find_alert(act.books, id)
    return alert if known else _deliver(governance, pipeline, alert, actor)


def acknowledge_alert(governance: Governance, alert: str, *, actor: str, reason: str = "") -> Alert:
    """Somebody looks after it (`alert.acknowledged`); it still closes gates."""
    return _answer(governance, alert, "acknowledged", actor, reason)


def resolve_alert(governance: Governance, alert: str, *, actor: str, reason: str) -> Alert:
    """What it told of is over (`alert.resolved`); needs a reason."""
    if not reason.strip():
        raise InputError("resolving an alert needs a reason")
    return _answer(governance, alert, "resolved", actor, reason)


def find_alert(books: Reading, id: str) -> Alert:
    """The alert `id`; `MissingError` names the open ones."""
    found = books.one(Alert, id)
    if found is None:
        known = tuple(alert.id for alert in books.find(Alert, state=OPEN))
        raise MissingError(unknown("alert", id, known), hint="known are here the open ones")
    return found


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


def _deliver(governance: Governance, pipeline: Pipeline, alert: Alert, actor: str) -> Alert:
    channels: tuple[Channel, ...] = pipeline.stages.model_monitoring.channels
    failures = []
    for channel in channels:
        try:
            channel.send(title(alert), alert.reason, facts(alert))
        except UnavailableError as error:
            failures.append(error.message)
    if not failures:
        return alert
    with acting(governance, actor, "alerts", alert.project) as act:
        _append(act, "alert.undeliverable", alert, {"reason": readable("; ".join(failures)[:1000], "reason")})
        return find_alert(act.books, alert.id)


def title(alert: Alert) -> str:
    """One line that says what failed where."""
    where = f" in {alert.environment}" if alert.environment else ""
    return f"{alert.pipeline}: the check {alert.check} failed{where}"


def facts(alert: Alert) -> dict[str, str | None]:
    """What a program on the other side of a channel needs to know."""
    return {
        "id": alert.id,
        "pipeline": alert.pipeline,
        "environment": alert.environment,
        "check": alert.check,
        "window": alert.window,
        "raised_at": alert.raised_at.isoformat(),
    }


def _open(books: Reading, pipeline: str, environment: str | None, check: str) -> Alert | None:
    found = books.find(Alert, pipeline=pipeline, environment=environment, check=check, state=OPEN)
    return next(iter(found), None)


def _counted(books: Reading, alert: Alert, window: str | None) -> bool:
    told = books.entries(subject=alert.id, action="alert.raised")
    return any(line.entry.data["window"] == window for line in told)


def _append(act: Act, action: str, alert: Alert, data: dict[str, object]) -> None:
    act.append(action, alert.id, data, project=alert.project, pipeline=alert.pipeline, environment=alert.environment)
