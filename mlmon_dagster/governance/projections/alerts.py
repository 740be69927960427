"""What entries about alerts and maintenance change."""

from collections.abc import Mapping

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.audit import Entry, read
from mlmon_dagster.governance.maintenance import Maintenance
from mlmon_dagster.governance.projections.change import Change, Handler, Insert, Update, text


def _raised(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    if data["count"] > 1:
        values = {"window": data["window"], "count": data["count"], "reason": data["reason"]}
        return (Update(Alert, entry.subject, values),)
    return (
        Insert(
            Alert(
                entry.subject,
                entry.seq,
                text(entry.pipeline),
                text(entry.project),
                entry.environment,
                data["check"],
                "open",
                data["window"],
                1,
                data["reason"],
                entry.at,
                severity=data.get("severity", "warning"),
                cause=data.get("cause"),
                quiet=data.get("quiet", ""),
            )
        ),
    )


def _undeliverable(entry: Entry) -> tuple[Change, ...]:
    return (Update(Alert, entry.subject, {"undelivered": entry.data["reason"]}),)


def _acknowledged(entry: Entry) -> tuple[Change, ...]:
    values = {"state": "acknowledged", "acknowledged_by": entry.actor, "note": entry.data["reason"]}
    return (Update(Alert, entry.subject, values),)


def _resolved(entry: Entry) -> tuple[Change, ...]:
    values = {"state": "resolved", "resolved_by": entry.actor, "resolved_at": entry.at, "note": entry.data["reason"]}
    return (Update(Alert, entry.subject, values),)


def _reopened(entry: Entry) -> tuple[Change, ...]:
    values = {"state": "open", "resolved_by": None, "resolved_at": None, "cause": None}
    return (Update(Alert, entry.subject, {**values, "note": entry.data["reason"], "opened_entry": entry.seq}),)


def _planned(entry: Entry) -> tuple[Change, ...]:
    data, scope = entry.data, (text(entry.pipeline), text(entry.project), entry.environment)
    times = read(data["since"]), read(data["until"])
    return (Insert(Maintenance(entry.subject, entry.seq, *scope, *times, data["reason"], entry.actor)),)


ACTIONS: Mapping[str, Handler] = {
    "alert.raised": _raised,
    "alert.undeliverable": _undeliverable,
    "alert.acknowledged": _acknowledged,
    "alert.resolved": _resolved,
    "alert.reopened": _reopened,
    "maintenance.set": _planned,
}
