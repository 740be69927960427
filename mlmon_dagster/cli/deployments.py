"""`mlmon deployments`: what is live where, and what is on its way."""

from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from mlmon_dagster.governance.deployments import Deployment
    from mlmon_dagster.ports import Traffic

HELP = """Show what is live in each environment and what is on its way there: share of the traffic, health, failures.

\b
Example:
  mlmon deployments house_prices
  mlmon deployments house_prices --all

`keeps` is what an answered prediction survives (see the page on serving), and the share that is logged where it is
not all. A version that stands by answers nobody and comes back at once with mlmon rollback. --all shows every
deployment there was, newest last.
"""

COLUMNS = (
    "pipeline", "environment", "version", "strategy", "state", "share", "health", "requests", "failed", "latency",
    "keeps", "address", "id", "started",
)  # fmt: skip
KEEPS = COLUMNS.index("keeps")


@click.command(help=HELP)
@click.argument("pipeline", required=False)
@click.option("--all", "everything", is_flag=True, help="Also what is no longer on a target.")
@output.json_option
def command(pipeline: str | None, everything: bool, as_json: bool) -> None:
    from dataclasses import asdict

    from mlmon_dagster.governance.deployments import UNDER_WAY

    desk = context.desk()
    every = desk.deployments.list(pipeline)
    current = [one for one in every if one.state in (*UNDER_WAY, "live")]
    environments = {(one.pipeline, one.environment): one.id for one in current}
    traffic = {seen.deployment: seen for id in environments.values() for seen in desk.deployments.traffic(id)}
    found = [one for one in every if everything or one in current or one.id in traffic]
    health = {one.id: desk.deployments.health(one.id) for one in found if one.state == "live"}
    if as_json:
        seen = {id: asdict(one) for id, one in traffic.items()}
        output.document([{**asdict(one), "health": health.get(one.id), "traffic": seen.get(one.id)} for one in found])
        return
    rows = [_row(one, traffic.get(one.id), health.get(one.id)) for one in found]
    columns: tuple[str, ...] = COLUMNS
    if all(row[KEEPS] in ("", "local") for row in rows):  # as everywhere: the place is needed for the address
        columns = (*columns[:KEEPS], *columns[KEEPS + 1 :])
        rows = [[*row[:KEEPS], *row[KEEPS + 1 :]] for row in rows]
    output.table("Deployments", columns, rows, empty="nothing is deployed yet")


def _row(one: "Deployment", seen: "Traffic | None", health: str | None) -> list[Any]:
    state = f"{one.state} (stands by)" if seen and seen.role == "standby" and one.state == "superseded" else one.state
    return [
        one.pipeline,
        one.environment,
        one.version,
        one.strategy,
        state,
        f"{seen.share:g} %" if seen else "",
        (seen.tripped if seen else None) or health or (seen.status if seen else ""),
        seen.requests if seen else "",
        seen.failed if seen else "",
        f"{seen.latency_ms:.1f} ms" if seen and seen.latency_ms is not None else "",
        _keeps(seen),
        one.address,
        one.id,
        f"{one.started_at:%Y-%m-%d %H:%M}",
    ]


def _keeps(seen: "Traffic | None") -> str:
    """What an answered prediction survives, and what is not usual about it."""
    if seen is None or seen.serving is None:
        return ""
    declared = seen.serving
    share = f", {declared.sample:.0%}" if declared.sample < 1 else ""
    return f"{declared.durability}{share}{', fail_open' if declared.when_full == 'fail_open' else ''}"
