"""`mlmon reports`: pages kept as evidence."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from mlmon_dagster.lifecycle.desk.answers import Recorded

HELP = """Generate and fetch reports. Each is an entry of the audit log with the digest of its page.

\b
Example:
  mlmon reports compliance --project pricing --since 2026-01-01 --output controls.html
  mlmon reports monitoring house_prices --environment prod --window 2026-01-05
  mlmon reports list
  mlmon reports fetch report-41 --output report.html
"""

COLUMNS = ("report", "kind", "title", "by", "on", "digest")


@click.group(help=HELP)
def command() -> None:
    pass


@command.command("list", help="Kept reports, newest last.")
@click.argument("pipeline", required=False)
@output.json_option
def list_(pipeline: str | None, as_json: bool) -> None:
    found = context.desk().reports.list(pipeline)
    if as_json:
        output.document([asdict(one) for one in found])
        return
    rows = [
        (one.id, one.kind, one.title, one.generated_by, f"{one.generated_at:%Y-%m-%d %H:%M}", one.digest[:12])
        for one in found
    ]
    output.table("Reports", COLUMNS, rows, empty="no report was generated")


@command.command(help="Judge the controls that auditors ask about, by the audit log.")
@click.option("--project", default="*", show_default=True, help="Of one project, or of all.")
@click.option("--pipeline", help="Of one pipeline.")
@click.option("--since", help="90 days ago by default; such as 2026-01-01 or 2026-01-01T12:00Z.")
@click.option("--until", help="Now by default.")
@click.option("--output", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the page there too.")
@context.acts
def compliance(
    project: str,
    pipeline: str | None,
    since: str | None,
    until: str | None,
    file: Path | None,
    actor: str | None,
    as_json: bool,
) -> None:
    desk = context.acting(actor)
    _told(desk, desk.reports.compliance(project, pipeline, _moment(since), _moment(until)), file, as_json)


@command.command(help="Keep the page that monitoring wrote for a window of PIPELINE.")
@click.argument("pipeline")
@click.option("--environment", type=click.Choice(("dev", "staging", "prod")), required=True, help="Where.")
@click.option("--window", required=True, metavar="KEY", help="Which window.")
@click.option("--output", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the page there too.")
@context.acts
def monitoring(
    pipeline: str, environment: str, window: str, file: Path | None, actor: str | None, as_json: bool
) -> None:
    desk = context.acting(actor)
    _told(desk, desk.reports.monitoring(pipeline, environment, window), file, as_json)


@command.command(help="Write the page of REPORT to a file, once its digest was compared.")
@click.argument("report")
@click.option("--output", "file", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to.")
@output.json_option
def fetch(report: str, file: Path, as_json: bool) -> None:
    desk = context.desk()
    one = desk.reports.get(report)
    _write(file, desk.reports.content(report))
    if as_json:
        output.document({**asdict(one), "file": str(file)})
    else:
        click.echo(f"{one.title}: {file}")


def _told(desk: Any, answer: "Recorded[Any]", file: Path | None, as_json: bool) -> None:
    if file is not None:
        _write(file, desk.reports.content(answer.record.id))
    where = f": {file}" if file else ""
    context.told(answer, f"{answer.record.id}, {answer.record.title}{where}", as_json=as_json)


def _write(file: Path, html: str) -> None:
    from mlmon_dagster.adapters.report.page import write_report

    write_report(html, file)


def _moment(text: str | None) -> datetime | None:
    from mlmon_dagster.cli.audit import moment

    return None if text is None else moment(text)
