"""The command that records what an outside system found out about a commit or a model version."""

import re

from mlmon_dagster.errors import BlockedError, InputError
from mlmon_dagster.governance.audit import readable
from mlmon_dagster.governance.findings import Finding, finding_id
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.gate import live
from mlmon_dagster.lifecycle.governance import Act, Governance, acting
from mlmon_dagster.pipeline.spec import Pipeline

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def report_status(
    governance: Governance,
    pipeline: Pipeline,
    commit: str,
    name: str,
    *,
    passed: bool,
    detail: str = "",
    actor: str = MACHINE,
) -> Finding:
    """Records a status of a commit (`finding.reported`), such as CI's; the same again changes nothing."""
    if not _COMMIT.fullmatch(commit):
        raise InputError(f"{commit[:80]!r} is not a whole commit", hint="git rev-parse HEAD prints one")
    with acting(governance, actor, "report", pipeline.project) as act:
        return _report(act, pipeline, None, commit, name, passed, detail)


def report_test(
    governance: Governance,
    pipeline: Pipeline,
    environment: str,
    name: str,
    *,
    passed: bool,
    detail: str = "",
    actor: str = MACHINE,
) -> Finding:
    """Records how a test went on the version that is live in the environment (`finding.reported`).

    Raises `BlockedError` when nothing is live there: a test is about what it ran against.
    """
    with acting(governance, actor, "report", pipeline.project) as act:
        running = live(act.books, pipeline.name, environment)
        if running is None:
            raise BlockedError(f"nothing of {pipeline.name} is live in {environment}: there was nothing to test")
        return _report(act, pipeline, environment, running.digest, name, passed, detail)


def _report(
    act: Act, pipeline: Pipeline, environment: str | None, about: str, name: str, passed: bool, detail: str
) -> Finding:
    name, detail = readable(name, "name"), readable(detail, "detail")
    if not name or len(name) > 100:
        raise InputError(f"a finding has a name of 1 to 100 characters, got {len(name)}")
    id = finding_id(pipeline.name, about, name, environment)
    known = act.books.one(Finding, id)
    if known is not None and (known.passed, known.detail) == (passed, detail):
        return known
    data = {"about": about, "name": name, "passed": passed, "detail": detail}
    scope = {"project": pipeline.project, "pipeline": pipeline.name}
    act.append("finding.reported", id, data, environment=environment, **scope)
    return act.books.find(Finding, id=id)[0]
