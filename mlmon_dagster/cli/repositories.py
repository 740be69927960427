"""`mlmon repositories`: where pipelines come from."""

from dataclasses import asdict

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output

HELP = """Connect repositories at GitHub that pipelines come from; takes MLMON_GITHUB_TOKEN where it is done.

\b
Example:
  mlmon repositories connect acme/house-prices --branch main
  mlmon repositories list
"""

COLUMNS = ("repository", "number", "branch", "connected by", "on")


@click.group(help=HELP)
def command() -> None:
    pass


@command.command("list", help="Connected repositories, by name.")
@output.json_option
def list_(as_json: bool) -> None:
    found = context.desk().repositories.list()
    if as_json:
        output.document([asdict(one) for one in found])
        return
    rows = [(one.name, one.id, one.branch, one.connected_by, f"{one.connected_at:%Y-%m-%d}") for one in found]
    output.table("Repositories", COLUMNS, rows, empty="no repository is connected")


@command.command(help="Listen to REPOSITORY (owner/name) and take pipelines from its branch.")
@click.argument("repository")
@click.option("--branch", help="Its main branch by default.")
@context.acts
def connect(repository: str, branch: str | None, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).repositories.connect(repository, branch)
    one = answer.record
    context.told(answer, f"pipelines come from {one.branch} of {one.name} ({one.id})", as_json=as_json)


@command.command(help="Listen to REPOSITORY no more.")
@click.argument("repository")
@context.acts
def disconnect(repository: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).repositories.disconnect(repository)
    context.told(answer, f"{answer.record.name} is disconnected", as_json=as_json)
