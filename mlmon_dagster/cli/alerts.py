"""`mlmon alerts`: what failed, who looks after it, and how it ended."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output
from mlmon_dagster.settings import ENVIRONMENTS

if TYPE_CHECKING:
    from mlmon_dagster.governance.alerts import Alert

HELP = """Show open alerts; acknowledge and resolve them.

\b
Example:
  mlmon alerts
  mlmon alerts ack alert-31
  mlmon alerts resolve alert-31 --reason "the source was repaired"
  mlmon alerts reopen alert-31 --reason "it came back"
  mlmon alerts silence house_prices --hours 2 --reason "the source moves"

An open alert closes the gates of its pipeline until it is resolved.
"""

COLUMNS = ("id", "severity", "pipeline", "environment", "check", "state", "windows", "latest", "reason", "raised")


@click.group(help=HELP, invoke_without_command=True)
@click.pass_context
@output.json_option
def command(ctx: click.Context, as_json: bool) -> None:
    if ctx.invoked_subcommand is None:
        _list(None, as_json=as_json)


@command.command("list", help="Open alerts.")
@click.argument("pipeline", required=False)
@output.json_option
def list_(pipeline: str | None, as_json: bool) -> None:
    _list(pipeline, as_json=as_json)


@command.command(help="Every alert there was, newest last.")
@click.argument("pipeline", required=False)
@output.json_option
def history(pipeline: str | None, as_json: bool) -> None:
    _show(context.desk().alerts.list(pipeline), "Alerts", "there was no alert yet", as_json=as_json)


@command.command(help="Say that you look after an alert; it still closes gates.")
@click.argument("alert")
@context.reason_option(required=False)
@context.acts
def ack(alert: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).alerts.acknowledge(alert, reason=reason)
    found = answer.record
    context.told(answer, f"{found.id} is acknowledged by {found.acknowledged_by}", as_json=as_json)


@command.command(help="Say that what an alert told of is over.")
@click.argument("alert")
@context.reason_option(required=True)
@context.acts
def resolve(alert: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).alerts.resolve(alert, reason=reason)
    context.told(answer, f"{answer.record.id} is resolved by {answer.record.resolved_by}", as_json=as_json)


@command.command(help="Say that an alert was not over after all: it closes gates again.")
@click.argument("alert")
@context.reason_option(required=True)
@context.acts
def reopen(alert: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).alerts.reopen(alert, reason=reason)
    context.told(answer, f"{answer.record.id} is open again", as_json=as_json)


@command.command(help="For some hours, record alerts of PIPELINE (they close gates) but send none.")
@click.argument("pipeline")
@click.option("--environment", type=click.Choice(ENVIRONMENTS), help="Only there (default: everywhere).")
@click.option("--hours", type=click.IntRange(1, 720), required=True, help="For how long, from now on.")
@context.reason_option(required=True)
@context.acts
def silence(pipeline: str, environment: str | None, hours: int, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).alerts.silence(pipeline, environment, hours=hours, reason=reason)
    until = f"{answer.record.until:%Y-%m-%d %H:%M} UTC"
    context.told(answer, f"alerts of {pipeline} wake nobody until {until}", as_json=as_json)


def _list(pipeline: str | None, *, as_json: bool) -> None:
    _show(context.desk().alerts.list(pipeline, state="active"), "Open alerts", "no alert is open", as_json=as_json)


def _show(found: "Sequence[Alert]", title: str, empty: str, *, as_json: bool) -> None:
    if as_json:
        output.document([asdict(alert) for alert in found])
        return
    rows = [
        (
            alert.id,
            alert.severity,
            alert.pipeline,
            alert.environment,
            alert.check,
            alert.state,
            alert.count,
            alert.window,
            alert.reason
            + (f" (undelivered: {alert.undelivered})" if alert.undelivered else "")
            + (f" (not sent: {alert.quiet})" if alert.quiet else ""),
            f"{alert.raised_at:%Y-%m-%d %H:%M}",
        )
        for alert in found
    ]
    output.table(title, COLUMNS, rows, empty=empty)
