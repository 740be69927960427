"""Commands on repositories at GitHub, and what their events do: statuses of commits, a rewritten branch."""

import re
from collections.abc import Iterable, Mapping

from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.commit_status import OURS
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.governance.repositories import CONNECTED, DISCONNECTED, Repository, repositories
from mlmon_dagster.governance.roles import ANYWHERE, GITHUB_HOOK
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.findings import report_status
from mlmon_dagster.lifecycle.governance import Act, Declaration, Governance, acting
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import Reading

NAME = r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9_.-]{1,100}"
BRANCH = r"(?!/)(?!.*(\.\.|//|@\{|\.lock$|/$|\.$))[A-Za-z0-9_./-]{1,200}"
REWOUND = "repository/rewound"
"""The check that fails when a branch that pipelines come from was rewritten or removed."""


def connect_repository(governance: Governance, id: str, name: str, branch: str, *, actor: str) -> Repository:
    """Pipelines come from this branch (`repository.connected`); known so already, nothing changes."""
    if not re.fullmatch(NAME, name) or not re.fullmatch(r"[0-9]{1,20}", id):
        raise InputError(f"{name[:100]!r} is not a repository", hint="expected owner/name")
    if not re.fullmatch(BRANCH, branch):
        raise InputError(f"{branch[:100]!r} is not the name of a branch")
    with acting(governance, actor, "admin", ANYWHERE) as act:
        return _connected(act, id, name, branch)


def disconnect_repository(governance: Governance, name: str, *, actor: str) -> Repository:
    """Nothing of it is listened to any more (`repository.disconnected`)."""
    with acting(governance, actor, "admin", ANYWHERE) as act:
        known = connected(act.books)
        for one in known.values():
            if one.name.lower() == name.lower():
                _note(act, DISCONNECTED, one.id, one.name, one.branch)
                return one
        raise MissingError(unknown("repository", name, tuple(one.name for one in known.values())))


def rename_repository(governance: Governance, known: Repository, name: str) -> Repository:
    """GitHub says that it is called otherwise now (`repository.connected` by the webhook)."""
    with acting(governance, GITHUB_HOOK, "report", ANYWHERE) as act:
        return _connected(act, known.id, name, known.branch)


def connected(books: Reading) -> Mapping[str, Repository]:
    """Connected repositories by their number."""
    found = books.entries(action=(CONNECTED, DISCONNECTED))
    return repositories(line.entry for line in found)


def pipelines_of(declared: Iterable[Declaration], repository: Repository) -> tuple[Declaration, ...]:
    """The pipelines whose file says that they come from the repository."""
    return tuple(one for one in declared if repository.called(one.pipeline.stages.cicd_enforcement.repository))


def note_status(
    governance: Governance, declared: Iterable[Declaration], commit: str, name: str, *, passed: bool, detail: str
) -> tuple[Finding, ...]:
    """The status of a commit for every pipeline with a gate that asks for it; the same again changes nothing.

    Ours are never evidence for ourselves.
    """
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
        raise InputError("the event names no whole commit")
    asking = [one.pipeline for one in declared if name in _asked(one) and not name.startswith(OURS)]
    return tuple(
        report_status(governance, pipeline, commit, name, passed=passed, detail=detail, actor=GITHUB_HOOK)
        for pipeline in asking
    )


def note_rewound(governance: Governance, declared: Iterable[Declaration], reason: str) -> tuple[Alert, ...]:
    """An alert of every pipeline that comes from the branch: it keeps their gates closed until a person resolves it."""
    return tuple(
        raise_alert(
            governance, one.pipeline, None, REWOUND, window=None, reason=reason, severity="critical", actor=GITHUB_HOOK
        )
        for one in declared
    )


def _asked(declared: Declaration) -> set[str]:
    environments = declared.pipeline.stages.model_deployment.environments.values()
    return {name for environment in environments for name in environment.gate.statuses}


def _connected(act: Act, id: str, name: str, branch: str) -> Repository:
    known = connected(act.books).get(id)
    if known is None or (known.name, known.branch) != (name, branch):
        _note(act, CONNECTED, id, name, branch)
    return connected(act.books)[id]


def _note(act: Act, action: str, id: str, name: str, branch: str) -> None:
    act.append(action, f"repository/{id}", {"name": name, "branch": branch}, project=ANYWHERE)
