"""What entries about pipelines, their models, locks, findings and projects change."""

from collections.abc import Mapping

from mlmon_dagster.governance.audit import Entry, read
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.pipelines import PipelineVersion
from mlmon_dagster.governance.projections.change import Change, Handler, Insert, Remove, Update, text
from mlmon_dagster.governance.projects import Project


def _registered(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    return (
        Insert(
            Model(
                entry.subject,
                entry.seq,
                text(entry.pipeline),
                text(entry.project),
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


def _declared(entry: Entry) -> tuple[Change, ...]:
    data, scope = entry.data, (text(entry.pipeline), text(entry.project))
    version = PipelineVersion(
        entry.subject, entry.seq, *scope, data["digest"], data["git_commit"], data["body"], entry.actor, entry.at
    )
    return Remove(PipelineVersion, entry.subject), Insert(version)


def _locked(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    return (
        Insert(
            Lock(
                entry.subject,
                entry.seq,
                text(entry.pipeline),
                text(entry.project),
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


def _reported(entry: Entry) -> tuple[Change, ...]:
    data, scope = entry.data, (text(entry.pipeline), text(entry.project))
    said = (data["about"], data["name"], data["passed"], data["detail"])
    finding = Finding(entry.subject, entry.seq, *scope, *said, entry.environment, entry.actor, entry.at)
    return Remove(Finding, entry.subject), Insert(finding)


def _saved(entry: Entry) -> tuple[Change, ...]:
    data = entry.data
    said = data["description"], tuple(data["environments"]), data["settings"]
    project = Project(entry.subject, entry.seq, *said, "active", entry.actor, entry.at)
    return Remove(Project, entry.subject), Insert(project)


def _archived(entry: Entry) -> tuple[Change, ...]:
    return (Update(Project, entry.subject, {"state": "archived", "note": entry.data["reason"]}),)


def _restored(entry: Entry) -> tuple[Change, ...]:
    return (Update(Project, entry.subject, {"state": "active", "note": entry.data["reason"]}),)


ACTIONS: Mapping[str, Handler] = {
    "model.registered": _registered,
    "pipeline.declared": _declared,
    "lock.set": _locked,
    "lock.released": _released,
    "finding.reported": _reported,
    "project.saved": _saved,
    "project.archived": _archived,
    "project.restored": _restored,
}
