"""`mlmon reject`: ends a pending promotion."""

import click

from mlmon_dagster.cli import _context as context

HELP = """Reject a pending promotion, or withdraw your own.

\b
Example:
  mlmon reject promotion-12 --reason "the error on old houses doubled"
"""


@click.command(help=HELP)
@click.argument("promotion")
@context.reason_option(required=True)
@context.acts
def command(promotion: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).promotions.reject(promotion, reason=reason)
    context.told(answer, f"{answer.record.id} is rejected", as_json=as_json)
