"""Shipped predictions in the audit log: each file's name, digest and rows, so that a missing or changed one shows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mlmon_dagster.errors import MissingError
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.governance.shipments import SHIPPED, ShippedFile
from mlmon_dagster.lifecycle.governance import Governance, acting
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import Reading

FILES = 500
"""Files that one entry names at most."""

RECENT = 2_000
"""Entries that are looked through for what is recorded already: more than two weeks of ticks."""


@dataclass(frozen=True)
class Examined:
    """What became of one recorded file."""

    pipeline: str
    place: str
    key: str
    fault: str
    """Why it is not as it was recorded; empty where it is."""


def recorded_keys(governance: Governance, pipeline: str, place: str) -> frozenset[str]:
    """Keys at the place that recent entries name."""
    with governance.ledger.read() as reading:
        return _recorded(reading, pipeline, place)


def record_shipped(
    governance: Governance, pipeline: Pipeline, place: str, files: Iterable[ShippedFile], *, actor: str = MACHINE
) -> int:
    """Records files that were shipped to a place (`predictions.shipped`); how many were new to the log."""
    with acting(governance, actor, "report", pipeline.project) as act:
        known = _recorded(act.books, pipeline.name, place)
        new = [one for one in files if one.key not in known]
        for start in range(0, len(new), FILES):
            told = [[one.key, one.sha256, one.rows] for one in new[start : start + FILES]]
            act.append(SHIPPED, place, {"files": told}, project=pipeline.project, pipeline=pipeline.name)
    return len(new)


def examine_shipped(
    governance: Governance, pipeline: str | None, look: Callable[[str, str], ShippedFile]
) -> Iterator[Examined]:
    """Every recorded file beside what `look(place, key)` finds now; `MissingError` of it means that it is gone."""
    with governance.ledger.read() as reading:
        lines = reading.entries(action=SHIPPED, pipeline=pipeline) if pipeline else reading.entries(action=SHIPPED)
        entries = [line.entry for line in lines]
    for entry in entries:
        for key, sha256, rows in entry.data["files"]:
            fault = _fault(look, entry.subject, ShippedFile(key, sha256, rows))
            yield Examined(entry.pipeline or "", entry.subject, key, fault)


def _fault(look: Callable[[str, str], ShippedFile], place: str, recorded: ShippedFile) -> str:
    try:
        found = look(place, recorded.key)
    except MissingError:
        return f"it is gone ({recorded.rows} rows)"
    if found.sha256 != recorded.sha256:
        return f"it was changed: recorded was {recorded.sha256[:12]}, found {found.sha256[:12]}"
    return ""


def _recorded(reading: Reading, pipeline: str, place: str) -> frozenset[str]:
    lines = reading.entries(newest=RECENT, action=SHIPPED, pipeline=pipeline, subject=place)
    return frozenset(key for line in lines for key, *_ in line.entry.data["files"])
