"""The command that proposes a pipeline file: it is validated here and waits in Git, which owns it, to be merged."""

from collections.abc import Callable

from mlmon_dagster.errors import BlockedError
from mlmon_dagster.governance.audit import readable
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.proposals import PROPOSED, Proposal, proposal_of
from mlmon_dagster.governance.roles import permit
from mlmon_dagster.lifecycle.governance import Governance, acting, known_actor
from mlmon_dagster.pipeline.locks import broken_locks
from mlmon_dagster.pipeline.parse import Parsed
from mlmon_dagster.pipeline.versions import version_digest
from mlmon_dagster.ports import PipelineRepository, ProposedChange


def propose_pipeline(
    governance: Governance,
    repository: PipelineRepository,
    draft: Parsed,
    content: bytes,
    *,
    actor: str,
    reason: str = "",
    review: Callable[[ProposedChange], str] = lambda _: "",
) -> Proposal:
    """Commits the file to a branch and has it reviewed (`pipeline.proposed`); until it is merged nothing else changes.

    Takes the permission to create. `BlockedError` when it changes a locked stage. `review` opens a pull request and
    says where it is.
    """
    reason, pipeline, digest = readable(reason, "reason"), draft.pipeline, version_digest(draft.body)
    with governance.ledger.read() as reading:
        permit(known_actor(reading, actor), "create", pipeline.project)
        locked = {lock.stage: lock.digest for lock in reading.find(Lock, pipeline=pipeline.name)}
    for broken in broken_locks(pipeline, locked):
        raise BlockedError(str(broken), hint=f"mlmon unlock {pipeline.name} {broken.stage} --reason ...", code="LOCKED")
    change = repository.propose(
        pipeline.name,
        content,
        branch=f"mlmon/{pipeline.name}-{digest[:12]}",
        message=f"Declare {pipeline.name} anew\n\n{reason or 'Proposed through the API.'}\n",
        author=actor,
    )
    data = {
        "digest": digest,
        "file": change.file,
        "branch": change.branch,
        "commit": change.commit,
        "base": change.base,
        "pull_request": review(change),
        "reason": reason,
    }
    with acting(governance, actor, "create", pipeline.project) as act:
        id = f"proposal-{act.books.next_seq}"
        return proposal_of(act.append(PROPOSED, id, data, project=pipeline.project, pipeline=pipeline.name).entry)


def proposals(governance: Governance, pipeline: str) -> tuple[Proposal, ...]:
    """What was proposed for a pipeline, oldest first."""
    with governance.ledger.read() as reading:
        found = reading.entries(action=PROPOSED, pipeline=pipeline)
    return tuple(proposal_of(line.entry) for line in found)
