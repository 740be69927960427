"""What the tables that people read hold: a function of the audit log's entries and of nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mlmon_dagster.errors import InputError
from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.projections import alerts, deployments, people, pipelines, promotions
from mlmon_dagster.governance.projections.change import (
    RECORDS,
    Change,
    Handler,
    Insert,
    Record,
    Remove,
    Tables,
    Update,
)
from mlmon_dagster.governance.repeats import Repeat

__all__ = ["ACTIONS", "RECORDS", "Change", "Insert", "Record", "Remove", "Tables", "Update", "apply", "replay"]


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


def _keyed(entry: Entry) -> tuple[Change, ...]:
    """What any entry leaves behind that was made with a key."""
    if "asked" not in entry.data:
        return ()
    id = f"{entry.actor}/{entry.data['key']}"
    return (Insert(Repeat(id, entry.seq, entry.action, entry.subject, entry.data["asked"])),)


def _noted(entry: Entry) -> tuple[Change, ...]:
    """What the entry tells of is kept elsewhere (credentials, keys): replaying it changes nothing."""
    return ()


NOTED = (
    "account.set",
    "account.disabled",
    "account.linked",
    "token.issued",
    "token.revoked",
    "session.opened",
    "access.refused",
    "run.requested",
    "predictions.shipped",
    "key.introduced",
    "repository.connected",
    "repository.disconnected",
    "pipeline.proposed",
    "report.generated",
)

ACTIONS: Mapping[str, Handler] = {
    **promotions.ACTIONS,
    **deployments.ACTIONS,
    **alerts.ACTIONS,
    **people.ACTIONS,
    **pipelines.ACTIONS,
    **dict.fromkeys(NOTED, _noted),
}
"""Every action an entry can have, and what it changes."""
