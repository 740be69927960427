"""`mlmon approve`: consents to a promotion."""

import click

from mlmon_dagster.cli import _context as context

HELP = """Approve a promotion: consent to exactly this model version, under exactly this pipeline file.

\b
Example:
  mlmon approve promotion-12 --reason "metrics reviewed"

Who requested a promotion cannot approve it; prod needs two people, one of them of the production team.
"""


@click.command(help=HELP)
@click.argument("promotion")
@context.reason_option(required=False)
@context.acts
def command(promotion: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).promotions.approve(promotion, reason=reason)
    context.told(answer, f"{promotion} has your approval", as_json=as_json)
