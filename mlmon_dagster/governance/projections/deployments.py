"""What entries about deployments change."""

from collections.abc import Mapping

from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.projections.change import Change, Handler, Insert, Update, text
from mlmon_dagster.governance.promotions import Promotion


def _started(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    return (
        Insert(
            Deployment(
                entry.subject,
                entry.seq,
                data["promotion"],
                text(entry.pipeline),
                text(entry.project),
                text(entry.environment),
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


def _advanced(entry: Entry) -> tuple[Change, ...]:
    return (Update(Deployment, entry.subject, {"state": entry.data["state"]}),)


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


def _rolled_back(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    ended = {"state": "rolled_back", "ended_at": entry.at, "reason": data["reason"]}
    changes: list[Change] = [Update(Deployment, entry.subject, ended)]
    if data.get("promotion"):
        changes.append(Update(Promotion, data["promotion"], {"state": "failed", "reason": data["reason"]}))
    return tuple(changes)


ACTIONS: Mapping[str, Handler] = {
    "deployment.started": _started,
    "deployment.advanced": _advanced,
    "deployment.succeeded": _succeeded,
    "deployment.failed": _failed,
    "deployment.rolled_back": _rolled_back,
}
