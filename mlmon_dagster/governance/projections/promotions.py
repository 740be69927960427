"""What entries about promotions, approvals and overrides change."""

from collections.abc import Mapping

from mlmon_dagster.governance.audit import Entry, read
from mlmon_dagster.governance.overrides import Override
from mlmon_dagster.governance.projections.change import Change, Handler, Insert, Update, text
from mlmon_dagster.governance.promotions import Approval, Promotion


def _requested(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    return (
        Insert(
            Promotion(
                entry.subject,
                entry.seq,
                text(entry.pipeline),
                text(entry.project),
                text(entry.environment),
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


def _override_proposed(entry: Entry) -> tuple[Change, ...]:
    data, scope = entry.data, (text(entry.pipeline), text(entry.project), text(entry.environment))
    until = read(data["until"])
    override = Override(
        entry.subject, entry.seq, data["promotion"], *scope, "proposed", entry.actor, data["reason"], until
    )
    return (Insert(override),)


def _override_granted(entry: Entry) -> tuple[Change, ...]:
    until = read(entry.data["until"])
    return (Update(Override, entry.subject, {"state": "granted", "granted_by": entry.actor, "until": until}),)


ACTIONS: Mapping[str, Handler] = {
    "promotion.requested": _requested,
    "promotion.approved": _approved,
    "promotion.rejected": _promotion_ends,
    "promotion.expired": _promotion_ends,
    "promotion.opened": _opened,
    "override.proposed": _override_proposed,
    "override.granted": _override_granted,
}
