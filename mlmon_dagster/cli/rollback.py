"""`mlmon rollback`: puts the version before back."""

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.settings import ENVIRONMENTS

HELP = """Put the version that was live before back on its target, at once and without approval.

\b
Example:
  mlmon rollback house_prices --environment prod --reason "error rate at 7 %"
  mlmon rollback house_prices --environment prod --to 2 --reason "known good"

The version that is live goes on serving until the other one does. With canary and blue_green the version before still
stands by, and comes back within milliseconds. While a promoted version is on its way, that one is withdrawn.
"""


@click.command(help=HELP)
@click.argument("pipeline")
@click.option("--environment", type=click.Choice(ENVIRONMENTS), required=True, help="The environment.")
@click.option("--to", "version", type=click.IntRange(min=1), help="Number of the version (default: the one before).")
@context.reason_option(required=True)
@context.acts
def command(
    pipeline: str, environment: str, version: int | None, reason: str, actor: str | None, as_json: bool
) -> None:
    desk = context.acting(actor)
    before = desk.deployments.list(pipeline, environment, "live")
    answer = desk.deployments.roll_back(pipeline, environment, version, reason=reason)
    back = answer.record
    if back.state != "live":
        context.told(answer, f"{back.id} was withdrawn; nothing is live in {environment}", as_json=as_json)
        return
    same = back.id in [one.id for one in before]
    sentence = f"version {back.version} of {pipeline} {'is' if same else 'is again'} live in {environment} ({back.id})"
    context.told(answer, sentence + (": nothing to do" if same else ""), as_json=as_json)
