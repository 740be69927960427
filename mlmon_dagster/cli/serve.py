"""`mlmon serve`: answers predictions with one registered model version, in the foreground."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mlmon_dagster.cli import _output as output
from mlmon_dagster.errors import InputError

if TYPE_CHECKING:
    from mlmon_dagster.serving.durability import Durability
    from mlmon_dagster.serving.served import Served
    from mlmon_dagster.serving.server import ServerOptions
    from mlmon_dagster.settings import Settings


@click.command(name="serve")
@click.option("--model", "name", metavar="NAME", help="A registered model.")
@click.option("--version", "number", type=click.IntRange(min=1), help="Its version (default: the newest).")
@click.option(
    "--model-dir",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model directory that was exported, instead of a registered model.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, type=click.IntRange(0, 65535), help="0 takes any that is free.")
@click.option(
    "--log-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the prediction log (default: serving/<name>/predictions under MLMON_HOME).",
)
@click.option(
    "--durability",
    type=click.Choice(["process", "local", "shared", "remote"]),
    default="local",
    show_default=True,
    help="What an answered prediction survives: the process, a loss of power, or this machine (the log lies on a "
    "shared file system, or is kept at --ship-to at once).",
)
@click.option(
    "--when-full",
    type=click.Choice(["fail_closed", "fail_open"]),
    default="fail_closed",
    show_default=True,
    help="While predictions cannot be logged: refuse them (503), or give them unlogged and say so.",
)
@click.option(
    "--moderate",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Drift score from which it is moderate.",
)
@click.option(
    "--high", default=2.0, show_default=True, type=click.FloatRange(0), help="Drift score above which it is high."
)
@click.option(
    "--ship-to",
    metavar="DESTINATION",
    default="parquet",
    show_default=True,
    help="Where the log is kept as Parquet: s3://bucket/prefix, a folder (relative to the log's), or `nowhere`.",
)
@click.option(
    "--sample",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the requests that are logged; every row says it.",
)
@output.json_option
def command(
    name: str | None,
    number: int | None,
    directory: Path | None,
    host: str,
    port: int,
    log_dir: Path | None,
    durability: "Durability",
    when_full: Literal["fail_closed", "fail_open"],
    moderate: float,
    high: float,
    sample: float,
    ship_to: str,
    as_json: bool,
) -> int:
    """Answer predictions with a model version until interrupted.

    Every answer carries the record's drift score, every prediction is in the log before it is answered.

    Example: mlmon serve --model house_prices --version 3 --port 8080
    """
    if (name is None) == (directory is None):
        raise InputError("give either --model or --model-dir", hint="mlmon serve --model house_prices --version 3")
    if moderate > high:
        raise InputError(f"--moderate ({moderate}) is above --high ({high})")
    if durability == "remote" and ship_to in ("parquet", "nowhere"):
        raise InputError(
            "--durability remote keeps predictions on another machine: --ship-to must say where",
            hint="--ship-to s3://bucket/prefix",
        )
    from mlmon_dagster.settings import read_settings

    settings = read_settings()
    with tempfile.TemporaryDirectory(prefix="mlmon-") as temporary:
        place = directory or Path(temporary) / "model"
        served = _served(place, settings, name, number)
        logs = log_dir or settings.serving / served.model / "predictions"
        from mlmon_dagster.serving.durability import LogOptions
        from mlmon_dagster.serving.served import Bands
        from mlmon_dagster.serving.server import ServerOptions

        log = LogOptions(logs, durability, when_full, sample=sample, ship_to=None if ship_to == "nowhere" else ship_to)
        return _serve(ServerOptions(place, served, log, host, port, Bands(moderate, high)), as_json)


def _served(place: Path, settings: "Settings", name: str | None, number: int | None) -> "Served":
    from mlmon_dagster.serving.served import Served

    if name is None:
        from mlmon_dagster.adapters.mlflow.manifest import verify

        return Served(place.resolve().name, 0, verify(place).digest)
    from mlmon_dagster.adapters.mlflow.registry import open_registry
    from mlmon_dagster.errors import MissingError

    registry = open_registry(settings)
    versions = registry.versions(name)
    if not versions:
        raise MissingError(f"there is no registered model called {name!r}", hint="materialise its model_registry stage")
    version = versions[0] if number is None else registry.version(name, number)
    registry.export(version, place)
    return Served(version.name, version.number, version.digest)


def _serve(options: "ServerOptions", as_json: bool) -> int:
    from mlmon_dagster.serving.server import serve

    served, log = options.served, options.log.directory

    def ready(address: str) -> None:
        if as_json:
            output.document({"address": address, "model": served.model, "version": served.version, "log": str(log)})
        else:
            click.echo(f"{served.model} version {served.version} answers at {address}/predict (docs at {address}/docs)")
            click.echo(f"predictions are logged in {log}; Ctrl-C ends")

    serve(options, ready)
    return 0
