"""Commands that make declared pipelines known to governance."""

from mlmon_dagster.governance.pipelines import PipelineVersion, recordable, version_id
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.governance import Act, Declaration, Governance, acting
from mlmon_dagster.ports import Reading


def declare_pipeline(governance: Governance, declared: Declaration, *, actor: str = MACHINE) -> PipelineVersion:
    """Records the pipeline as its file declares it now (`pipeline.declared`); known already, nothing changes."""
    with governance.ledger.read() as reading:
        known = present_version(reading, declared.pipeline.name)
    if known is not None and (known.digest, known.git_commit) == (declared.digest, declared.git_commit):
        return known
    with acting(governance, actor, "create", declared.pipeline.project) as act:
        return note_version(act, declared)


def note_version(act: Act, declared: Declaration) -> PipelineVersion:
    """As part of another command: what a decision was about can be looked up later."""
    pipeline, known = declared.pipeline, present_version(act.books, declared.pipeline.name)
    if known is not None and (known.digest, known.git_commit) == (declared.digest, declared.git_commit):
        return known
    data = {"digest": declared.digest, "git_commit": declared.git_commit, "body": recordable(declared.body)}
    id = version_id(pipeline.name, declared.digest)
    act.append("pipeline.declared", id, data, project=pipeline.project, pipeline=pipeline.name)
    return act.books.find(PipelineVersion, id=id)[0]


def present_version(books: Reading, pipeline: str) -> PipelineVersion | None:
    """The version of the pipeline that was declared last."""
    return max(books.find(PipelineVersion, pipeline=pipeline), key=lambda one: one.seq, default=None)
