"""`mlmon run`: materialises stages of a pipeline here and now, in this process, in Dagster's own books."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from mlmon_dagster.cli._runner import JudgedCheck
    from mlmon_dagster.client import Client


@click.command("run", short_help="Materialise stages of a pipeline here and now.")
@click.argument("stages", nargs=-1, required=True, metavar="STAGE...")
@click.option(
    "--window", "windows", multiple=True, metavar="KEY", help="Window to work on, or FIRST..LAST; repeatable."
)
@output.json_option
def command(stages: tuple[str, ...], windows: tuple[str, ...], as_json: bool) -> int:
    """Materialise STAGEs, named pipeline/stage or pipeline/environment/stage (a * matches any part).

    \b
    mlmon run house_prices/data_ingestion --window 2014-11-03
    mlmon run 'house_prices/dev/*' --window 2014-11-03..2014-12-01
    mlmon run house_prices/prod/model_deployment

    Runs are recorded in Dagster as if its UI had started them. Exit code 1 when a run or one of its checks failed.
    With MLMON_URL the server is asked to run them: its Dagster starts them within seconds and has the outcome.
    """
    from mlmon_dagster.cli._runner import Runner, open_instance, open_pipelines
    from mlmon_dagster.cli._server import server
    from mlmon_dagster.settings import read_settings

    remote = server()
    if remote is not None:
        return _ask(remote, stages, windows, as_json)
    settings = read_settings()
    reports = []
    with open_instance(settings) as instance:
        runner = Runner(open_pipelines(stages, settings), settings, instance)
        selected = runner.select(stages)
        for first, last in [_range(window) for window in windows or (None,)]:
            report = runner.run(selected, first, last)
            reports.append(report)
            if not as_json:
                _show(report)
    if as_json:
        output.document([asdict(report) for report in reports])
    return 0 if all(report.green for report in reports) else 1


def _ask(remote: "Client", stages: tuple[str, ...], windows: tuple[str, ...], as_json: bool) -> int:
    """One request for each pipeline, environment and window."""
    from mlmon_dagster.errors import InputError

    asked: dict[tuple[str, str | None], list[str]] = {}
    for name in stages:
        parts = name.split("/")
        if len(parts) not in (2, 3) or "*" in name:
            raise InputError(f"{name!r}: a server is asked for pipeline/stage or pipeline/environment/stage, without *")
        asked.setdefault((parts[0], parts[1] if len(parts) == 3 else None), []).append(parts[-1])
    if any(".." in window for window in windows):
        raise InputError("a server is asked for one window at a time", hint="repeat --window")
    answers = [
        remote.runs.request(pipeline, chosen, environment, window)
        for (pipeline, environment), chosen in asked.items()
        for window in windows or (None,)
    ]
    if as_json:
        output.document([{**asdict(one.record), "receipt": asdict(one.receipt)} for one in answers])
        return 0
    for one in answers:
        click.echo(
            f"{one.record.id}: {', '.join(one.record.stages)} of {one.record.pipeline} will be run at the server"
        )
    return 0


def _range(window: str | None) -> tuple[str | None, str | None]:
    if window is None:
        return None, None
    first, dots, last = window.partition("..")
    return first, last if dots else None


def _show(report: Any) -> None:
    for stage, metadata in report.metadata.items():
        rows = f", {metadata['dagster/row_count']} rows" if "dagster/row_count" in metadata else ""
        click.echo(f"{click.style('done', fg='green')}    {stage}{rows}")
    for check in _told(report.checks):
        mark = click.style("passed", fg="green") if check.passed else click.style("failed", fg="red")
        where = f"{check.stage}:{check.name}" + (f" {check.window}" if check.window else "")
        click.echo(f"{mark}  {where}: {check.reason}")
    for stage, reason in report.failures.items():
        click.echo(f"{click.style('failed', fg='red')}  {stage}: {reason}", err=True)


def _told(checks: "tuple[JudgedCheck, ...]") -> "list[JudgedCheck]":
    """Every check of one window; of many windows what failed, and the worst of each check, which Dagster keeps too."""
    many = len({check.window for check in checks if check.window}) > 1
    return [check for check in checks if not (many and check.passed and check.window)]
