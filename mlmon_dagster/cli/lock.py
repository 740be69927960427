"""`mlmon lock`: holds a stage to its declaration."""

import click

from mlmon_dagster.cli import _context as context

HELP = """Lock a stage: while it is locked, a change of its declaration closes the gates of staging and prod.

\b
Example:
  mlmon lock house_prices model_registry --reason "approved architecture"
"""


@click.command(help=HELP)
@click.argument("pipeline")
@click.argument("stage")
@context.reason_option(required=False)
@context.acts
def command(pipeline: str, stage: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).pipelines.lock(pipeline, stage, reason=reason)
    lock = answer.record
    context.told(answer, f"{lock.id} is locked by {lock.set_by} as declared in {lock.digest[:12]}", as_json=as_json)
