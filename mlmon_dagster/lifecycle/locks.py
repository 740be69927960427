"""Commands on locks: hold a stage to its declaration, and let go of it."""

from dataclasses import replace

from mlmon_dagster.errors import BlockedError, InputError, MissingError
from mlmon_dagster.governance.audit import readable
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.lifecycle.gate import stage_digests
from mlmon_dagster.lifecycle.governance import Governance, acting
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import STAGES
from mlmon_dagster.plugins import unknown


def set_lock(governance: Governance, pipeline: Pipeline, stage: str, *, actor: str, reason: str = "") -> Lock:
    """Locks the stage as it is declared now (`lock.set`); locked already, it stays as it is.

    Raises `BlockedError` when it is locked with another declaration: that one must be released first.
    """
    reason, digest, id = readable(reason, "reason"), _digest(pipeline, stage), f"{pipeline.name}/{stage}"
    with acting(governance, actor, "lock", pipeline.project) as act:
        known = act.books.one(Lock, id)
        if known is not None and known.digest != digest:
            raise BlockedError(
                f"{id} was locked by {known.set_by} on {known.set_at:%Y-%m-%d} and has changed since",
                hint=f"take the change back, or: mlmon unlock {pipeline.name} {stage} --reason ...",
            )
        if known is None:
            data = {"stage": stage, "digest": digest, "reason": reason}
            act.append("lock.set", id, data, project=pipeline.project, pipeline=pipeline.name)
        return act.books.find(Lock, id=id)[0]


def release_lock(governance: Governance, pipeline: Pipeline, stage: str, *, actor: str, reason: str) -> Lock:
    """Releases the lock (`lock.released`) and returns what it was; needs a reason. `BlockedError` when none is set."""
    reason, id = readable(reason, "reason"), f"{pipeline.name}/{stage}"
    _digest(pipeline, stage)
    if not reason:
        raise InputError("unlocking a stage needs a reason")
    with acting(governance, actor, "unlock", pipeline.project) as act:
        known = act.books.one(Lock, id)
        if known is None:
            raise BlockedError(f"{id} is not locked")
        data = {"stage": stage, "reason": reason}
        sealed = act.append("lock.released", id, data, project=pipeline.project, pipeline=pipeline.name)
        return replace(known, seq=sealed.seq)


def changed_locks(governance: Governance, pipeline: Pipeline) -> tuple[Lock, ...]:
    """Locks of stages whose declaration is no longer the one that was locked."""
    digests = stage_digests(pipeline)
    with governance.ledger.read() as reading:
        return tuple(lock for lock in reading.find(Lock, pipeline=pipeline.name) if digests[lock.stage] != lock.digest)


def _digest(pipeline: Pipeline, stage: str) -> str:
    if stage not in STAGES:
        raise MissingError(unknown("stage", stage, STAGES))
    return stage_digests(pipeline)[stage]
