"""Locks seen from a pipeline's declaration: which locked stages it changes."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import STAGES
from mlmon_dagster.pipeline.versions import stage_digest


@dataclass(frozen=True)
class BrokenLock:
    """A locked stage whose declaration is not the locked one."""

    pipeline: str
    stage: str
    locked: str
    """Digest that was locked."""
    declared: str
    """Digest of the declaration now."""

    def __str__(self) -> str:
        return (
            f"{self.pipeline}: the stage {self.stage} is locked and its declaration has changed "
            f"(locked {self.locked[:12]}, declared {self.declared[:12]})"
        )


def broken_locks(pipeline: Pipeline, locked: Mapping[str, str]) -> tuple[BrokenLock, ...]:
    """Locks that the declaration breaks, in the order of the stages; `locked` maps a stage to the locked digest.

    A lock that the file no longer lists is still a lock: what counts is what was locked, never the file alone.
    """
    found = [(stage, locked[stage], stage_digest(pipeline, stage)) for stage in STAGES if stage in locked]
    return tuple(BrokenLock(pipeline.name, stage, held, now) for stage, held, now in found if held != now)
