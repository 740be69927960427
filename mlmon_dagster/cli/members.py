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
  mlmon members link bob-github bob

Roles: ml_engineer, data_engineer, production_team, monitoring_team, model_sponsor, admin. Only admins grant and revoke;
where nobody is an admin yet, anyone may make the first one. Where there are several, what one admin grants is proposed
until another one gives the same command; to take the role of an admin takes two of them as well.
"""

COLUMNS = ("name", "role", "project", "state", "granted by", "confirmed by", "on")
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
    rows = [
        (one.name, one.role, one.project, one.state, one.granted_by, one.confirmed_by, f"{one.granted_at:%Y-%m-%d}")
        for one in found
    ]
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
    said = "holds" if answer.record.held else "is proposed for"
    more = "" if answer.record.held else ": another admin confirms it with the same command, within a day"
    context.told(answer, f"{name} {said} the role {role} in {spoken(project)}{more}", as_json=as_json)


@command.command(help="Take a ROLE from NAME.")
@click.argument("name")
@click.argument("role")
@PROJECT
@context.acts
def revoke(name: str, role: str, project: str, actor: str | None, as_json: bool) -> None:
    from mlmon_dagster.lifecycle.members import spoken

    answer = context.acting(actor).members.revoke(name, role, project=project)
    sentence = f"{name} no longer holds the role {role} in {spoken(project)}"
    if answer.record.state == "ending":
        sentence = f"the role {role} of {name} is contested: it ends when another admin gives the same command"
    context.told(answer, sentence, as_json=as_json)


@command.command(help="Say that NAME and PERSON are one person: their approvals count once.")
@click.argument("name")
@click.argument("person")
@context.acts
def link(name: str, person: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).members.link(name, person)
    context.told(answer, f"{name} is {answer.record.person}: they count as one person", as_json=as_json)


@command.command(help="Say that NAME is a person of its own after all.")
@click.argument("name")
@context.reason_option(required=True)
@context.acts
def unlink(name: str, reason: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).members.unlink(name, reason=reason)
    context.told(answer, f"{name} is no longer {answer.record.person}", as_json=as_json)
