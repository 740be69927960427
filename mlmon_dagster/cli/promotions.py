"""`mlmon promotions`: what was asked for, and what its gate still needs."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlmon_dagster.governance.promotions import Promotion

HELP = """Show promotions: those that wait for their gate, all of them, or one with its gate and approvals.

In an emergency, two admins hold a gate open for an hour. The model, the pipeline file and the code stay what was asked
for; the override is an alert.

\b
Example:
  mlmon promotions
  mlmon promotions history house_prices
  mlmon promotions show promotion-41
  mlmon promotions override promotion-41 --reason "outage 7: the new version stops it"
"""

COLUMNS = ("id", "pipeline", "environment", "version", "state", "requested by", "on", "valid until", "reason")


@click.group(help=HELP, invoke_without_command=True)
@click.pass_context
@output.json_option
def command(ctx: click.Context, as_json: bool) -> None:
    if ctx.invoked_subcommand is None:
        _show(context.desk().promotions.list(state="pending"), "no promotion waits for its gate", as_json=as_json)


@command.command("list", help="Promotions that wait for their gate.")
@click.argument("pipeline", required=False)
@output.json_option
def list_(pipeline: str | None, as_json: bool) -> None:
    found = context.desk().promotions.list(pipeline, state="pending")
    _show(found, "no promotion waits for its gate", as_json=as_json)


@command.command(help="Every promotion there was, newest last.")
@click.argument("pipeline", required=False)
@output.json_option
def history(pipeline: str | None, as_json: bool) -> None:
    _show(context.desk().promotions.list(pipeline), "nothing was ever asked for", as_json=as_json)


@command.command(help="One promotion: its state, its approvals, and what its gate says now.")
@click.argument("promotion")
@output.json_option
def show(promotion: str, as_json: bool) -> None:
    desk = context.desk().promotions
    found, approvals, gate = desk.get(promotion), desk.approvals(promotion), desk.gate(promotion)
    if as_json:
        given = [asdict(approval) for approval in approvals]
        output.document({**asdict(found), "approvals": given, "gate": context.gate_document(gate)})
        return
    _show([found], "", as_json=False)
    for approval in approvals:
        click.echo(f"approved by {approval.approver} on {approval.at:%Y-%m-%d %H:%M}: {approval.reason or 'no reason'}")
    context.show_gate(gate, found.environment)


@command.command(help="Hold a promotion's gate open for an hour although conditions are not met; takes two admins.")
@click.argument("promotion")
@context.reason_option(required=True)
@context.acts
def override(promotion: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).promotions.override(promotion, reason=reason)
    until = f"{answer.record.until:%H:%M} UTC"
    if answer.record.state == "granted":
        sentence = f"{answer.record.id}: the gate is held open for {promotion} until {until}"
    else:
        sentence = f"{answer.record.id} is proposed: another admin has until {until} to give the same command"
    context.told(answer, sentence, as_json=as_json)


def _show(found: "Sequence[Promotion]", empty: str, *, as_json: bool) -> None:
    if as_json:
        output.document([asdict(one) for one in found])
        return
    rows = [
        (
            one.id,
            one.pipeline,
            one.environment,
            one.version,
            one.state,
            one.requester,
            f"{one.requested_at:%Y-%m-%d %H:%M}",
            f"{one.expires_at:%Y-%m-%d %H:%M}",
            one.reason,
        )
        for one in found
    ]
    output.table("Promotions", COLUMNS, rows, empty=empty)
