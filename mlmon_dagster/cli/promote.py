"""`mlmon promote`: asks to take a model version into an environment."""

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.settings import ENVIRONMENTS

HELP = """Ask to take a model version into an environment, and show what its gate still needs.

\b
Example:
  mlmon promote house_prices --to staging
  mlmon promote house_prices --to prod --version 3

Without --version it is the version that is live in the environment before (for dev: the newest registered one).
The promotion is carried out by the pipeline's model_deployment stage once the gate is open. Asking again shows the
promotion that is pending.
"""


@click.command(help=HELP)
@click.argument("pipeline")
@click.option("--to", "environment", type=click.Choice(ENVIRONMENTS), required=True, help="The environment.")
@click.option("--version", type=click.IntRange(min=1), help="Number of the model version.")
@click.option("--key", default="", help="Makes the command safe to repeat: the same key asks once.")
@context.reason_option(required=False)
@context.acts
def command(
    pipeline: str, environment: str, version: int | None, key: str, reason: str, actor: str | None, as_json: bool
) -> None:
    answer = context.acting(actor).promotions.request(pipeline, environment, version, reason=reason, key=key)
    asked = answer.record
    sentence = f"{asked.id}: version {asked.version} of {pipeline} to {environment}, requested by {asked.requester}"
    context.told(answer, sentence, as_json=as_json)
