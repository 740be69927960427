"""Reports: pages that were kept as evidence, each with its digest in the audit log."""

from dataclasses import dataclass
from datetime import datetime

from mlmon_dagster.governance.audit import Entry

GENERATED = "report.generated"


@dataclass(frozen=True)
class KeptReport:
    """A page as it was when it was asked for; its content cannot change unseen."""

    id: str
    seq: int
    kind: str
    """`compliance` or `monitoring`."""
    title: str
    project: str
    """`*` for all."""
    pipeline: str | None
    environment: str | None
    window: str | None
    since: str | None
    until: str | None
    digest: str
    bytes: int
    generated_by: str
    generated_at: datetime


def report_of(entry: Entry) -> KeptReport:
    """The report that an entry `report.generated` records."""
    data = entry.data
    place = (entry.project or "", entry.pipeline, entry.environment, data["window"], data["since"], data["until"])
    return KeptReport(
        entry.subject,
        entry.seq,
        data["kind"],
        data["title"],
        *place,
        data["digest"],
        data["bytes"],
        entry.actor,
        entry.at,
    )
