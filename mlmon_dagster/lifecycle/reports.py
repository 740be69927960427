"""Commands that keep a report as evidence, and the queries for what was kept."""

import hashlib
from collections.abc import Callable
from datetime import datetime

from mlmon_dagster.errors import InputError, MissingError, TamperedError
from mlmon_dagster.governance.audit import Entry, written
from mlmon_dagster.governance.compliance import Control, Span, controls
from mlmon_dagster.governance.reports import GENERATED, KeptReport, report_of
from mlmon_dagster.lifecycle.governance import Governance, acting
from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import StageKey

Page = Callable[[Span, tuple[Control, ...], tuple[Entry, ...], str], str]
"""Draws a span, its controls, its entries and what verification of the log says."""


def compliance_report(governance: Governance, outputs: Outputs, span: Span, page: Page, *, actor: str) -> KeptReport:
    """Judges the controls in the span and keeps the page (`report.generated`)."""
    if not span.since < span.until:
        raise InputError(f"the report ends ({span.until:%Y-%m-%d}) before it begins ({span.since:%Y-%m-%d})")
    if span.until > governance.now():
        raise InputError(f"the report ends in the future ({span.until:%Y-%m-%d %H:%M} UTC)")
    try:
        length, last = governance.ledger.verify()
        said = f"verified: {length} entries, unbroken; the last hash is {last}"
    except TamperedError as error:
        said = f"NOT what was recorded, from entry {error.seq} on: {error.message}"
    entries = [line.entry for line in governance.ledger.lines()]
    within = tuple(entry for entry in entries if span.holds(entry))
    html = page(span, controls(entries, span), within, said)
    where = "all projects" if span.project == "*" else span.project
    title = f"Controls of {span.pipeline or where}, {span.since:%Y-%m-%d} to {span.until:%Y-%m-%d}"
    times = (written(span.since), written(span.until))
    return _keep(
        governance, outputs, html, ("compliance", title), (span.project, span.pipeline, None), None, times, actor
    )


def monitoring_report(
    governance: Governance, outputs: Outputs, pipeline: Pipeline, environment: str, window: str, *, actor: str
) -> KeptReport:
    """Keeps the page that monitoring wrote for a window, as it is now (`report.generated`)."""
    html = outputs.read_page(StageKey(pipeline.name, environment, "model_monitoring"), window)
    title = f"Drift of {pipeline.name} in {environment}, {window}"
    place = (pipeline.project, pipeline.name, environment)
    return _keep(governance, outputs, html, ("monitoring", title), place, window, (None, None), actor)


def report_content(outputs: Outputs, report: KeptReport) -> str:
    """The page; raises `MissingError`, and `TamperedError` when it is not the one that was recorded."""
    try:
        content = outputs.store.get(_key(report.digest))
    except MissingError:
        raise MissingError(f"the page of {report.id} is no longer in the object store") from None
    if hashlib.sha256(content).hexdigest() != report.digest:
        raise TamperedError(f"the page of {report.id} is not the one that was recorded", seq=report.seq)
    return content.decode()


def _keep(
    governance: Governance,
    outputs: Outputs,
    html: str,
    said: tuple[str, str],
    place: tuple[str, str | None, str | None],
    window: str | None,
    times: tuple[str | None, str | None],
    actor: str,
) -> KeptReport:
    content, (kind, title), (project, pipeline, environment) = html.encode(), said, place
    digest = hashlib.sha256(content).hexdigest()
    data = {
        "kind": kind,
        "title": title,
        "window": window,
        "since": times[0],
        "until": times[1],
        "digest": digest,
        "bytes": len(content),
    }
    with acting(governance, actor, "see", project) as act:
        outputs.store.put(_key(digest), content)
        id = f"report-{act.books.next_seq}"
        entry = act.append(GENERATED, id, data, project=project, pipeline=pipeline, environment=environment).entry
        return report_of(entry)


def last_days(now: datetime, days: int) -> tuple[datetime, datetime]:
    """The span of so many days until now."""
    from datetime import timedelta

    return now - timedelta(days=days), now


def _key(digest: str) -> str:
    return f"reports/{digest}.html"
