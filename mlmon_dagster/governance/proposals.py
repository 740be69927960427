"""Proposals: changes of pipeline files that wait on a branch for people to merge them."""

from dataclasses import dataclass
from datetime import datetime

from mlmon_dagster.governance.audit import Entry

PROPOSED = "pipeline.proposed"


@dataclass(frozen=True)
class Proposal:
    """A pipeline file on a branch of its repository. Nothing runs by it before it is merged."""

    id: str
    seq: int
    pipeline: str
    project: str
    digest: str
    """Of the version that it declares."""
    file: str
    branch: str
    commit: str
    base: str
    """The commit that it stands on."""
    pull_request: str
    """Where it is reviewed; empty where no code host is connected."""
    reason: str
    proposed_by: str
    proposed_at: datetime


def proposal_of(entry: Entry) -> Proposal:
    """The proposal that an entry `pipeline.proposed` records."""
    return Proposal(
        id=entry.subject,
        seq=entry.seq,
        pipeline=entry.pipeline or "",
        project=entry.project or "",
        proposed_by=entry.actor,
        proposed_at=entry.at,
        **entry.data,
    )
