"""`mlmon members`: who holds which role."""

from dataclasses import asdict

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output

HELP = """Show, grant and revoke roles.

\b
Example:
  mlmon members grant ann admin
  mlmon members grant bob production_team --project pricing
  mlmon members revoke bob production_team --project pricing

Roles: ml_engineer, data_engineer, production_team, monitoring_team, model_sponsor, admin. Only admins grant and revoke;
where nobody is an admin yet, anyone may make the first one.
"""

COLUMNS = ("name", "role", "project", "granted by", "on")
PROJECT = click.option("--project", default="*", show_default="all projects", help="Only in this project.")


@click.group(help=HELP)
def command() -> None:
    pass


@command.command("list", help="Who holds which role in which project.")
@output.json_option
def list_(as_json: bool) -> None:
    found = context.desk().members.list()
    if as_json:
        output.document([asdict(member) for member in found])
        return
    rows = [(one.name, one.role, one.project, one.granted_by, f"{one.granted_at:%Y-%m-%d}") for one in found]
    empty = "nobody has a role yet; make the first admin: mlmon members grant NAME admin"
    output.table("Members", COLUMNS, rows, empty=empty)


@command.command(help="Give NAME a ROLE.")
@click.argument("name")
@click.argument("role")
@PROJECT
@context.acts
def grant(name: str, role: str, project: str, actor: str | None, as_json: bool) -> None:
    from mlmon_dagster.lifecycle.members import spoken

    answer = context.acting(actor).members.grant(name, role, project=project)
    context.told(answer, f"{name} holds the role {role} in {spoken(project)}", as_json=as_json)


@command.command(help="Take a ROLE from NAME.")
@click.argument("name")
@click.argument("role")
@PROJECT
@context.acts
def revoke(name: str, role: str, project: str, actor: str | None, as_json: bool) -> None:
    from mlmon_dagster.lifecycle.members import spoken

    answer = context.acting(actor).members.revoke(name, role, project=project)
    context.told(answer, f"{name} no longer holds the role {role} in {spoken(project)}", as_json=as_json)
