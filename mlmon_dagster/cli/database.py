"""`mlmon database`: migrate it, and make the roles that production needs."""

import click

from mlmon_dagster.cli import _output as output

HELP = """Migrate the database of governance, and make the Postgres roles that production needs.

\b
Example:
  MLMON_DATABASE_URL=postgresql://mlmon_owner@host/mlmon mlmon database migrate
  MLMON_DATABASE_URL=postgresql://mlmon_owner@host/mlmon mlmon database roles --apply

Run by the owner of the tables. mlmon_api is for the REST API and the command line, mlmon_runner for Dagster,
mlmon_auditor for who only reads; give each a password of its own. A process for production (MLMON_ENVIRONMENTS without
dev) refuses a database whose connected role owns the audit log.
"""


@click.group(help=HELP)
def command() -> None:
    pass


@command.command(help="Bring the tables to the schema of this version.")
@output.json_option
def migrate(as_json: bool) -> None:
    from mlmon_dagster.adapters.database.opening import open_database
    from mlmon_dagster.adapters.database.schema import REVISION
    from mlmon_dagster.settings import read_settings

    open_database(read_settings().database_url).close()
    output.document({"schema": REVISION}) if as_json else click.echo(f"the database has the schema {REVISION}")


@command.command(help="Print the SQL that makes the roles and their grants; with --apply, run it.")
@click.option("--apply", is_flag=True, help="Run it now, as the owner.")
@output.json_option
def roles(apply: bool, as_json: bool) -> None:
    from mlmon_dagster.adapters.database.opening import open_database
    from mlmon_dagster.adapters.database.roles import make_roles, role_statements
    from mlmon_dagster.settings import read_settings

    statements = list(role_statements())
    if apply:
        database = open_database(read_settings().database_url)
        make_roles(database.engine)
        database.close()
    if as_json:
        output.document({"applied": apply, "statements": statements})
    else:
        click.echo("roles and grants are made" if apply else ";\n".join(statements) + ";")
