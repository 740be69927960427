"""Requests to run stages: what somebody asked for, for Dagster to carry out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mlmon_dagster.governance.audit import Entry

WAITS = timedelta(days=1)
"""How long a request waits for a daemon; older ones are not carried out any more."""


@dataclass(frozen=True)
class RunRequest:
    """Stages of one pipeline, on one window where they work on windows."""

    id: str
    seq: int
    pipeline: str
    project: str
    environment: str | None
    """Of the stages that are not shared."""
    stages: tuple[str, ...]
    """Assets by name: `data_ingestion`, `model_monitoring`, ..."""
    window: str | None
    requested_by: str
    requested_at: datetime
    reason: str = ""


def run_of(entry: Entry) -> RunRequest:
    """The request that an entry `run.requested` records."""
    data = entry.data
    return RunRequest(
        entry.subject,
        entry.seq,
        str(entry.pipeline),
        str(entry.project),
        entry.environment,
        tuple(data["stages"]),
        data["window"],
        entry.actor,
        entry.at,
        data["reason"],
    )
