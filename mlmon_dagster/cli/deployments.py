"""`mlmon deployments`: what is live where."""

from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from mlmon_dagster.governance.deployments import Deployment

HELP = """Show the version that is live in each environment, where it serves, and how it is.

\b
Example:
  mlmon deployments house_prices
  mlmon deployments house_prices --all

--all shows every deployment there was, newest last.
"""

COLUMNS = ("pipeline", "environment", "version", "strategy", "state", "health", "address", "id", "started")


@click.command(help=HELP)
@click.argument("pipeline", required=False)
@click.option("--all", "everything", is_flag=True, help="Also what is no longer live.")
@output.json_option
def command(pipeline: str | None, everything: bool, as_json: bool) -> None:
    from dataclasses import asdict

    desk = context.desk()
    found = desk.deployments.list(pipeline, state=None if everything else "live")
    health = {one.id: desk.deployments.health(one.id) for one in found if one.state == "live"}
    if as_json:
        output.document([{**asdict(one), "health": health.get(one.id)} for one in found])
        return
    output.table("Deployments", COLUMNS, [_row(one, health) for one in found], empty="nothing is deployed yet")


def _row(one: "Deployment", health: dict[str, str]) -> list[Any]:
    state = health.get(one.id, "")
    moment = f"{one.started_at:%Y-%m-%d %H:%M}"
    return [one.pipeline, one.environment, one.version, one.strategy, one.state, state, one.address, one.id, moment]
