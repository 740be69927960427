"""Findings: what somebody outside found out about a commit or a model version, such as CI or an integration test."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Finding:
    """The last word on one name about one commit or one model version (by its digest)."""

    id: str
    """`pipeline/about/name`."""
    seq: int
    pipeline: str
    project: str
    about: str
    """A commit, or a model version's digest."""
    name: str
    """What looked: the context of a commit status, or the name of a test."""
    passed: bool
    detail: str
    environment: str | None
    """Where a test ran; a commit is everywhere the same."""
    found_by: str
    found_at: datetime


def finding_id(pipeline: str, about: str, name: str, environment: str | None) -> str:
    """The identifier of a finding.

    >>> finding_id("prices", "ab12", "ci/tests", None)
    'prices/ab12/ci/tests'
    """
    return "/".join(part for part in (pipeline, about, environment, name) if part)
