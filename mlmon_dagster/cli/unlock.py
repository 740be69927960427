"""`mlmon unlock`: lets a stage's declaration change."""

import click

from mlmon_dagster.cli import _context as context

HELP = """Unlock a stage, so that its declaration may change.

\b
Example:
  mlmon unlock house_prices model_registry --reason "new training function, ticket 4711"

A stage that the pipeline declares as locked must be locked again before staging and prod open.
"""


@click.command(help=HELP)
@click.argument("pipeline")
@click.argument("stage")
@context.reason_option(required=True)
@context.acts
def command(pipeline: str, stage: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).pipelines.unlock(pipeline, stage, reason=reason)
    context.told(answer, f"{answer.record.id} is unlocked", as_json=as_json)
