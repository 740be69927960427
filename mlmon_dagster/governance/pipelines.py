"""Pipeline versions that governance has seen: what was declared, to be looked up at any later time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class PipelineVersion:
    """A pipeline file as it was declared; the one declared last is the present one."""

    id: str
    """`pipeline@digest`, the digest shortened."""
    seq: int
    pipeline: str
    project: str
    digest: str
    git_commit: str
    """The commit that changed the pipeline's folder last; empty where there is no repository."""
    body: Mapping[str, Any]
    """What the file declares, variables as they are written, numbers with a fraction as text."""
    declared_by: str
    declared_at: datetime


def version_id(pipeline: str, digest: str) -> str:
    """The identifier of a version.

    >>> version_id("prices", "ab" * 32)
    'prices@abababababab'
    """
    return f"{pipeline}@{digest[:12]}"


def recordable(value: Any) -> Any:
    """The value as an entry can hold it: numbers with a fraction, and whatever JSON has no word for, as text."""
    if isinstance(value, Mapping):
        return {str(key): recordable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [recordable(inner) for inner in value]
    return value if value is None or isinstance(value, str | int) else str(value)
