"""`mlmon projects`: groups of pipelines, and how far they may go."""

from dataclasses import asdict

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output
from mlmon_dagster.settings import ENVIRONMENTS

HELP = """Show, save and archive projects. A project's members are who holds roles in it (mlmon members).

\b
Example:
  mlmon projects save pricing --description "house prices" --setting cost_centre=4711
  mlmon projects save sandbox --environment dev
  mlmon projects archive pricing --reason "product ended"

Nothing is promoted in an archived project; rollbacks, alerts and the audit log go on. A project is never deleted.
"""

COLUMNS = ("name", "state", "environments", "description", "settings", "by", "on")


@click.group(help=HELP)
def command() -> None:
    pass


@command.command("list", help="Saved projects; pipelines of others may go to every environment.")
@output.json_option
def list_(as_json: bool) -> None:
    found = context.desk().projects.list()
    if as_json:
        output.document([asdict(one) for one in found])
        return
    rows = [
        (
            one.id,
            one.state,
            ", ".join(one.environments),
            one.description,
            ", ".join(f"{name}={value}" for name, value in one.settings.items()),
            one.made_by,
            f"{one.made_at:%Y-%m-%d}",
        )
        for one in found
    ]
    output.table("Projects", COLUMNS, rows, empty="no project was saved yet")


@command.command(help="Make NAME, or change it.")
@click.argument("name")
@click.option("--description", default="", help="For people.")
@click.option(
    "--environment", "environments", multiple=True, type=click.Choice(ENVIRONMENTS), help="How far (default: all)."
)
@click.option("--setting", "settings", multiple=True, metavar="NAME=VALUE", help="A text by name.")
@context.acts
def save(
    name: str,
    description: str,
    environments: tuple[str, ...],
    settings: tuple[str, ...],
    actor: str | None,
    as_json: bool,
) -> None:
    from mlmon_dagster.errors import InputError

    for setting in settings:
        if "=" not in setting:
            raise InputError(f"{setting!r} is not a setting", hint="expected --setting NAME=VALUE")
    given = dict(setting.split("=", 1) for setting in settings)
    projects = context.acting(actor).projects
    answer = projects.save(name, description=description, environments=environments or ENVIRONMENTS, settings=given)
    reach = ", ".join(answer.record.environments)
    context.told(answer, f"the project {name} goes to {reach}", as_json=as_json)


@command.command(help="Nothing is promoted in NAME any more.")
@click.argument("name")
@context.reason_option(required=True)
@context.acts
def archive(name: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).projects.archive(name, reason=reason)
    context.told(answer, f"the project {name} is archived", as_json=as_json)


@command.command(help="Take NAME up again.")
@click.argument("name")
@context.reason_option(required=True)
@context.acts
def restore(name: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).projects.restore(name, reason=reason)
    context.told(answer, f"the project {name} is taken up again", as_json=as_json)
