"""What the tables that people read hold: a function of the audit log's entries and of nothing else."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from mlmon_dagster.errors import InputError
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.audit import Entry, read
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.maintenance import Maintenance
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.overrides import Override
from mlmon_dagster.governance.people import Person
from mlmon_dagster.governance.pipelines import PipelineVersion
from mlmon_dagster.governance.projects import Project
from mlmon_dagster.governance.promotions import Approval, Promotion
from mlmon_dagster.governance.repeats import Repeat
from mlmon_dagster.governance.roles import Member

Record = (
    Member
    | Person
    | Model
    | PipelineVersion
    | Promotion
    | Approval
    | Override
    | Finding
    | Deployment
    | Alert
    | Maintenance
    | Lock
    | Project
    | Repeat
)
"""A row of a projection; every record has an `id` and the `seq` of the entry that changed it last."""

RECORDS: tuple[type[Any], ...] = get_args(Record)

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
    """The record `id` ceases, if it is there."""

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
    return (*ACTIONS[entry.action](entry), *_keyed(entry))


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
            tables[kind].pop(id, None)


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
                data.get("git_commit", ""),
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
        data.get("git_commit", ""),
        data.get("evidence", ""),
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
    live = {"state": "live", "address": data["address"], "succeeded_at": entry.at}
    changes: list[Change] = [Update(Deployment, entry.subject, live)]
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


def _advanced(entry: Entry) -> tuple[Change, ...]:
    return (Update(Deployment, entry.subject, {"state": entry.data["state"]}),)


def _rolled_back(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    ended = {"state": "rolled_back", "ended_at": entry.at, "reason": data["reason"]}
    changes: list[Change] = [Update(Deployment, entry.subject, ended)]
    if data.get("promotion"):
        changes.append(Update(Promotion, data["promotion"], {"state": "failed", "reason": data["reason"]}))
    return tuple(changes)


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
    data, scope = entry.data, (_text(entry.pipeline), _text(entry.project), entry.environment)
    times = read(data["since"]), read(data["until"])
    return (Insert(Maintenance(entry.subject, entry.seq, *scope, *times, data["reason"], entry.actor)),)


def _saved(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    said = data["description"], tuple(data["environments"]), data["settings"]
    project = Project(entry.subject, entry.seq, *said, "active", entry.actor, entry.at)
    return Remove(Project, entry.subject), Insert(project)


def _archived(entry: Entry) -> tuple[Change, ...]:
    return (Update(Project, entry.subject, {"state": "archived", "note": entry.data["reason"]}),)


def _restored(entry: Entry) -> tuple[Change, ...]:
    return (Update(Project, entry.subject, {"state": "active", "note": entry.data["reason"]}),)


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


def _proposed(entry: Entry) -> tuple[Change, ...]:
    return (Insert(_member(entry, "proposed")),)


def _granted(entry: Entry) -> tuple[Change, ...]:
    if entry.data.get("proposed_by"):
        return (Update(Member, entry.subject, {"state": "held", "confirmed_by": entry.actor}),)
    return (Insert(_member(entry, "held")),)


def _member(entry: Entry, state: str) -> Member:
    data, project = entry.data, _text(entry.project)
    return Member(entry.subject, entry.seq, data["name"], data["role"], project, entry.actor, entry.at, state)


def _ending(entry: Entry) -> tuple[Change, ...]:
    return (Update(Member, entry.subject, {"state": "ending", "contested_by": entry.actor}),)


def _kept(entry: Entry) -> tuple[Change, ...]:
    return (Update(Member, entry.subject, {"state": "held", "contested_by": ""}),)


def _revoked(entry: Entry) -> tuple[Change, ...]:
    return (Remove(Member, entry.subject),)


def _noted(entry: Entry) -> tuple[Change, ...]:
    """What the entry tells of is kept elsewhere (credentials, keys): replaying it changes nothing."""
    return ()


def _linked(entry: Entry) -> tuple[Change, ...]:
    return (Insert(Person(entry.subject, entry.seq, entry.data["person"], entry.actor, entry.at)),)


def _unlinked(entry: Entry) -> tuple[Change, ...]:
    return (Remove(Person, entry.subject),)


def _override_proposed(entry: Entry) -> tuple[Change, ...]:
    data, scope = entry.data, (_text(entry.pipeline), _text(entry.project), _text(entry.environment))
    until = read(data["until"])
    override = Override(
        entry.subject, entry.seq, data["promotion"], *scope, "proposed", entry.actor, data["reason"], until
    )
    return (Insert(override),)


def _override_granted(entry: Entry) -> tuple[Change, ...]:
    until = read(entry.data["until"])
    return (Update(Override, entry.subject, {"state": "granted", "granted_by": entry.actor, "until": until}),)


def _declared(entry: Entry) -> tuple[Change, ...]:
    data, scope = entry.data, (_text(entry.pipeline), _text(entry.project))
    version = PipelineVersion(
        entry.subject, entry.seq, *scope, data["digest"], data["git_commit"], data["body"], entry.actor, entry.at
    )
    return Remove(PipelineVersion, entry.subject), Insert(version)


def _reported(entry: Entry) -> tuple[Change, ...]:
    data, scope = entry.data, (_text(entry.pipeline), _text(entry.project))
    said = (data["about"], data["name"], data["passed"], data["detail"])
    finding = Finding(entry.subject, entry.seq, *scope, *said, entry.environment, entry.actor, entry.at)
    return Remove(Finding, entry.subject), Insert(finding)


def _keyed(entry: Entry) -> tuple[Change, ...]:
    """What any entry leaves behind that was made with a key."""
    if "asked" not in entry.data:
        return ()
    id = f"{entry.actor}/{entry.data['key']}"
    return (Insert(Repeat(id, entry.seq, entry.action, entry.subject, entry.data["asked"])),)


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
    "deployment.advanced": _advanced,
    "deployment.succeeded": _succeeded,
    "deployment.failed": _failed,
    "deployment.rolled_back": _rolled_back,
    "alert.raised": _raised,
    "alert.undeliverable": _undeliverable,
    "alert.acknowledged": _acknowledged,
    "alert.resolved": _resolved,
    "alert.reopened": _reopened,
    "maintenance.set": _planned,
    "project.saved": _saved,
    "project.archived": _archived,
    "project.restored": _restored,
    "lock.set": _locked,
    "lock.released": _released,
    "role.proposed": _proposed,
    "role.granted": _granted,
    "role.contested": _ending,
    "role.kept": _kept,
    "role.revoked": _revoked,
    "account.set": _noted,
    "account.disabled": _noted,
    "account.linked": _noted,
    "token.issued": _noted,
    "token.revoked": _noted,
    "session.opened": _noted,
    "access.refused": _noted,
    "run.requested": _noted,
    "predictions.shipped": _noted,
    "person.linked": _linked,
    "person.unlinked": _unlinked,
    "override.proposed": _override_proposed,
    "override.granted": _override_granted,
    "pipeline.declared": _declared,
    "finding.reported": _reported,
    "key.introduced": _noted,
    "repository.connected": _noted,
    "repository.disconnected": _noted,
    "pipeline.proposed": _noted,
    "report.generated": _noted,
}
"""Every action an entry can have, and what it changes."""
