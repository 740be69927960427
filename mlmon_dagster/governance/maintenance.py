"""Maintenance: a time in which alerts are recorded and close gates, but wake nobody."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Maintenance:
    """An announced time of work on a pipeline, in one environment or in all of them."""

    id: str
    seq: int
    pipeline: str
    project: str
    environment: str | None
    since: datetime
    until: datetime
    reason: str
    set_by: str


def under_way(planned: Iterable[Maintenance], environment: str | None, now: datetime) -> Maintenance | None:
    """The maintenance that keeps alerts of the environment quiet now."""
    for one in planned:
        if one.environment in (None, environment) and one.since <= now < one.until:
            return one
    return None
