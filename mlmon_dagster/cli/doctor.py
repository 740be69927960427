"""`mlmon doctor`: whether this machine has what it needs to watch models."""

from dataclasses import asdict

import click

from mlmon_dagster.cli import _output as output

HELP = """Look at everything that watching models needs, and say what to do about what is missing.

\b
Example:
  mlmon doctor
  mlmon doctor --json

Settings, room on the disk, pipeline files, MLflow, the database, what is deployed, alerts that reached nobody, and
the daemon that runs sensors. With MLMON_URL the server is looked at instead. Whether a server's drift detection works
is another question: mlmon scenarios URL. Exits with 1 when a part failed; warnings are no failure.
"""

COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command(help=HELP, short_help="Say what keeps this machine from watching models.")
@output.json_option
def command(as_json: bool) -> int:
    from mlmon_dagster.cli._checkup import check_up
    from mlmon_dagster.settings import read_settings

    found = []
    for one in check_up(read_settings()):
        found.append(one)
        if not as_json:
            click.echo(f"{click.style(f'{one.state:8}', fg=COLOURS[one.state])}{one.part}: {one.said}")
            if one.advice:
                click.echo(f"{'':8}{one.advice}")
    if as_json:
        output.document([asdict(one) for one in found])
    return 1 if any(one.state == "failed" for one in found) else 0
