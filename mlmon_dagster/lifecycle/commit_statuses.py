"""Gates and commits: what is to be said of the commits that promotions are bound to, and what others say of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlmon_dagster.governance.commit_status import OURS, CommitStatus, gate_status
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.lifecycle.findings import report_status
from mlmon_dagster.lifecycle.gate import rule_of
from mlmon_dagster.lifecycle.governance import Declaration, Governance
from mlmon_dagster.lifecycle.queries import gate_verdict, pending_promotions, promotion
from mlmon_dagster.ports import CommitStatuses


@dataclass(frozen=True)
class Telling:
    """A status that is to be published for a promotion."""

    promotion: str
    repository: str
    commit: str
    status: CommitStatus
    pending: bool


def tellings(
    governance: Governance, pipelines: Mapping[str, Declaration], told: Mapping[str, str], pages: str = ""
) -> Iterator[Telling]:
    """What is to be said: of pending promotions what their gates say, of those that were `told` of how they ended.

    `told` holds the promotions that something was said of; `pages` is where our pages are, to be linked.
    """
    waiting = {one.id: one for one in pending_promotions(governance) if _bound(one, pipelines)}
    ended = [promotion(governance, id) for id in told if id not in waiting]
    for one in (*waiting.values(), *(one for one in ended if _bound(one, pipelines))):
        declared = pipelines[one.pipeline]
        verdict = gate_verdict(governance, declared, one) if one.id in waiting else None
        status = gate_status(one, verdict, f"{pages}/promotions/{one.id}" if pages else "")
        yield Telling(one.id, str(_repository(declared)), one.git_commit, status, one.id in waiting)


def hear(governance: Governance, pipelines: Mapping[str, Declaration], statuses: CommitStatuses) -> tuple[Finding, ...]:
    """Records what others say of the commits of pending promotions, as far as their gates ask for it.

    A status that is pending says nothing yet. Ours are never evidence for ourselves.
    """
    found: list[Finding] = []
    asked: dict[tuple[str, str], tuple[CommitStatus, ...]] = {}
    for one in pending_promotions(governance):
        wanted = rule_of(pipelines[one.pipeline].pipeline, one.environment).statuses if _bound(one, pipelines) else ()
        if not wanted:
            continue
        declared = pipelines[one.pipeline]
        place = (str(_repository(declared)), one.git_commit)
        if place not in asked:
            asked[place] = tuple(statuses.statuses(*place))
        for status in asked[place]:
            if status.context in wanted and status.state != "pending" and not status.context.startswith(OURS):
                passed, detail = status.state == "success", status.description[:500]
                found.append(
                    report_status(
                        governance, declared.pipeline, one.git_commit, status.context, passed=passed, detail=detail
                    )
                )
    return tuple(found)


def _bound(one: Promotion, pipelines: Mapping[str, Declaration]) -> bool:
    """Whether the promotion is bound to a commit of a repository that its pipeline names."""
    return bool(one.git_commit) and one.pipeline in pipelines and _repository(pipelines[one.pipeline]) is not None


def _repository(declared: Declaration) -> str | None:
    return declared.pipeline.stages.cicd_enforcement.repository
