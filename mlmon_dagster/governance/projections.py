"""What the tables that people read hold: a function of the audit log's entries and of nothing else."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlmon_dagster.errors import InputError
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.audit import Entry, read
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.promotions import Approval, Promotion
from mlmon_dagster.governance.roles import Member

Record = Member | Model | Promotion | Approval | Deployment | Alert | Lock
"""A row of a projection; every record has an `id` and the `seq` of the entry that changed it last."""

RECORDS: tuple[type[Any], ...] = (Member, Model, Promotion, Approval, Deployment, Alert, Lock)

Tables = dict[type[Any], dict[str, Any]]
"""All projections in memory: record type -> id -> record."""


@dataclass(frozen=True)
class Insert:
    """A record comes into being."""

    record: Record


@dataclass(frozen=True)
class Update:
    """Fields of the record `id` change."""

    kind: type[Any]
    id: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Remove:
    """The record `id` ceases."""

    kind: type[Any]
    id: str


Change = Insert | Update | Remove


def apply(entry: Entry) -> tuple[Change, ...]:
    """What the entry changes; `InputError` for an action this version does not know."""
    if entry.action not in ACTIONS:
        raise InputError(
            f"entry {entry.seq} of the audit log has the action {entry.action!r}, which this version does not know",
            hint="upgrade mlmon_dagster",
        )
    return ACTIONS[entry.action](entry)


def replay(entries: Iterable[Entry]) -> Tables:
    """Every projection, rebuilt from the log."""
    tables: Tables = {kind: {} for kind in RECORDS}
    for entry in entries:
        for change in apply(entry):
            _carry_out(tables, change, entry.seq)
    return tables


def _carry_out(tables: Tables, change: Change, seq: int) -> None:
    match change:
        case Insert(record):
            tables[type(record)][record.id] = record
        case Update(kind, id, values):
            tables[kind][id] = replace(tables[kind][id], seq=seq, **values)
        case Remove(kind, id):
            del tables[kind][id]


def _registered(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    return (
        Insert(
            Model(
                entry.subject,
                entry.seq,
                _text(entry.pipeline),
                _text(entry.project),
                data["name"],
                data["number"],
                data["digest"],
                data["uri"],
                tuple(data["inputs"]),
                read(data["created_at"]),
                entry.actor,
            )
        ),
    )


def _requested(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    return (
        Insert(
            Promotion(
                entry.subject,
                entry.seq,
                _text(entry.pipeline),
                _text(entry.project),
                _text(entry.environment),
                data["version"],
                data["digest"],
                data["pipeline_digest"],
                entry.actor,
                "requested",
                entry.at,
                read(data["expires_at"]),
                data["reason"],
            )
        ),
    )


def _approved(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    approval = Approval(
        f"approval-{entry.seq}",
        entry.seq,
        entry.subject,
        entry.actor,
        data["digest"],
        data["pipeline_digest"],
        entry.at,
        data["reason"],
    )
    state = {"state": "approved"} if data["complete"] else {}
    return Insert(approval), Update(Promotion, entry.subject, state)


def _promotion_ends(entry: Entry) -> tuple[Change, ...]:
    return (Update(Promotion, entry.subject, {"state": entry.data["state"], "reason": entry.data["reason"]}),)


def _opened(entry: Entry) -> tuple[Change, ...]:
    return (Update(Promotion, entry.subject, {"state": "opened"}),)


def _started(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    return (
        Insert(
            Deployment(
                entry.subject,
                entry.seq,
                data["promotion"],
                _text(entry.pipeline),
                _text(entry.project),
                _text(entry.environment),
                data["version"],
                data["digest"],
                data["target"],
                data["strategy"],
                "started",
                data["previous"],
                entry.at,
                entry.actor,
                reason=data["reason"],
            )
        ),
    )


def _succeeded(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    changes: list[Change] = [Update(Deployment, entry.subject, {"state": "live", "address": data["address"]})]
    if data["supersedes"]:
        changes.append(Update(Deployment, data["supersedes"], {"state": "superseded", "ended_at": entry.at}))
    if data["promotion"]:
        changes.append(Update(Promotion, data["promotion"], {"state": "deployed"}))
    return tuple(changes)


def _failed(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    ended = {"state": "failed", "ended_at": entry.at, "reason": data["reason"]}
    changes: list[Change] = [Update(Deployment, entry.subject, ended)]
    if data["promotion"]:
        changes.append(Update(Promotion, data["promotion"], {"state": "failed", "reason": data["reason"]}))
    return tuple(changes)


def _rolled_back(entry: Entry) -> tuple[Change, ...]:
    ended = {"state": "rolled_back", "ended_at": entry.at, "reason": entry.data["reason"]}
    return (Update(Deployment, entry.subject, ended),)


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
                _text(entry.pipeline),
                _text(entry.project),
                entry.environment,
                data["check"],
                "open",
                data["window"],
                1,
                data["reason"],
                entry.at,
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


def _locked(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    return (
        Insert(
            Lock(
                entry.subject,
                entry.seq,
                _text(entry.pipeline),
                _text(entry.project),
                data["stage"],
                data["digest"],
                entry.actor,
                entry.at,
                data["reason"],
            )
        ),
    )


def _released(entry: Entry) -> tuple[Change, ...]:
    return (Remove(Lock, entry.subject),)


def _granted(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    member = Member(entry.subject, entry.seq, data["name"], data["role"], _text(entry.project), entry.actor, entry.at)
    return (Insert(member),)


def _revoked(entry: Entry) -> tuple[Change, ...]:
    return (Remove(Member, entry.subject),)


def _noted(entry: Entry) -> tuple[Change, ...]:
    """Credentials are kept elsewhere: an entry tells that they changed, and replaying it changes nothing."""
    return ()


def _text(value: str | None) -> str:
    if value is None:
        raise InputError("an entry of the audit log lacks its project, pipeline or environment")
    return value


ACTIONS: Mapping[str, Callable[[Entry], tuple[Change, ...]]] = {
    "model.registered": _registered,
    "promotion.requested": _requested,
    "promotion.approved": _approved,
    "promotion.rejected": _promotion_ends,
    "promotion.expired": _promotion_ends,
    "promotion.opened": _opened,
    "deployment.started": _started,
    "deployment.succeeded": _succeeded,
    "deployment.failed": _failed,
    "deployment.rolled_back": _rolled_back,
    "alert.raised": _raised,
    "alert.undeliverable": _undeliverable,
    "alert.acknowledged": _acknowledged,
    "alert.resolved": _resolved,
    "lock.set": _locked,
    "lock.released": _released,
    "role.granted": _granted,
    "role.revoked": _revoked,
    "account.set": _noted,
    "account.disabled": _noted,
    "account.linked": _noted,
    "token.issued": _noted,
    "token.revoked": _noted,
    "session.opened": _noted,
    "access.refused": _noted,
}
"""Every action an entry can have, and what it changes."""
