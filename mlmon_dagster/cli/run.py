"""`mlmon run`: materialises stages of a pipeline here and now, in this process, in Dagster's own books."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster import DagsterInstance

    from mlmon_dagster.cli._runner import JudgedCheck, RunReport
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
        if not as_json:
            say_who_raises_alerts(reports, instance)
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


def _show(report: "RunReport") -> None:
    for stage in report.metadata:
        rows = report.rows.get(stage, ())
        windows = f" in {len(rows)} windows" if len(rows) > 1 else ""
        click.echo(f"{click.style('done', fg='green')}    {stage}{f', {sum(rows):,} rows{windows}' if rows else ''}")
    for passed, check in _told(report.checks):
        click.echo(f"{click.style('passed', fg='green') if passed else click.style('failed', fg='red')}  {check}")
    for stage, reason in report.failures.items():
        click.echo(f"{click.style('failed', fg='red')}  {stage}: {reason}", err=True)


def _told(checks: "tuple[JudgedCheck, ...]") -> "Iterator[tuple[bool, str]]":
    """Every check of one window; of several windows each that failed, and how many passed.

    Dagster also keeps the worst of several windows as a judgement without a window: it says nothing new.
    """
    of_check: dict[str, list[JudgedCheck]] = {}
    for check in checks:
        of_check.setdefault(f"{check.stage}:{check.name}", []).append(check)
    for name, judged in of_check.items():
        windowed = [check for check in judged if check.window]
        if len(windowed) < 2:
            for check in windowed or judged:
                yield check.passed, f"{name}{f' {check.window}' if check.window else ''}: {check.reason}"
            continue
        failed = [check for check in windowed if not check.passed]
        yield from ((False, f"{name} {check.window}: {check.reason}") for check in failed)
        if len(failed) < len(windowed):
            yield True, f"{name}: {len(windowed) - len(failed)} of {len(windowed)} windows"


def say_who_raises_alerts(reports: "Sequence[RunReport]", instance: "DagsterInstance") -> None:
    """Alerts are raised by a sensor; where no daemon runs it, nobody would hear of what failed."""
    failed = any(not check.passed and "/model_monitoring" in check.stage for one in reports for check in one.checks)
    if not failed:
        return
    sensors = instance.get_daemon_statuses().get("SENSOR")
    click.echo(
        "Alerts of what failed are raised within a minute by Dagster's daemon: see mlmon alerts"
        if sensors is not None and sensors.healthy
        else "No alert is raised yet: Dagster's daemon does that, and none runs here; start it: "
        "dagster dev -m mlmon_dagster.definitions",
        err=True,
    )
