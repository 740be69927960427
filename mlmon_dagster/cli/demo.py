"""`mlmon demo`: the whole story of one model on real data, told step by step."""

import click


@click.command("demo", short_help="Tell the whole story of one model on real data.")
@click.option(
    "--exit", "exits", is_flag=True, help="End when the story is told, instead of leaving the Dagster UI running."
)
@click.option("--stop", is_flag=True, help="Only stop what the last demo left running; its state stays.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port of the Dagster UI.")
def command(exits: bool, stop: bool, port: int) -> int:
    """House prices in King County: ingest, train, deploy, score, monitor, see a real shift, be refused, promote.

    Everything is real: Dagster runs, an MLflow registry, server processes, an audit log. State is kept apart
    in .mlmon/demo and replaced at the next demo.
    """
    from mlmon_dagster.cli import _demo

    return _demo.stop() if stop else _demo.tell(exits=exits, port=port)
