"""`mlmon batch-predict`: scores a folder of Parquet files into another."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _output as output
from mlmon_dagster.errors import InputError, MlmonError

if TYPE_CHECKING:
    from mlmon_dagster.adapters.batch.folder import BatchFolder, DoneFile
    from mlmon_dagster.settings import Settings


Scoring = Callable[["BatchFolder", "list[Path]", bool], "tuple[list[DoneFile], dict[str, str]]"]
"""Scores files of a folder, showing progress where that is wanted: what became of them, and why some failed."""


@click.command("batch-predict", short_help="Score a folder of Parquet files into another.")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--model", "name", metavar="NAME", help="A registered model.")
@click.option("--version", "number", type=click.IntRange(min=1), help="Its version (default: the newest).")
@click.option(
    "--model-dir",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model directory that was exported, instead of a registered model.",
)
@click.option("--engine", type=click.Choice(["local", "spark"]), default="local", show_default=True, help="Where.")
@click.option("--master", metavar="URL", help="Spark's master (default: as Spark is configured).")
@output.json_option
def command(
    source: Path,
    target: Path,
    name: str | None,
    number: int | None,
    directory: Path | None,
    engine: str,
    master: str | None,
    as_json: bool,
) -> int:
    """Score every Parquet file of the folder SOURCE into the folder TARGET, under the same name.

    \b
    mlmon batch-predict houses/ scored/ --model house_prices --version 3

    Rows keep their columns and get prediction, drift_score, drift_max and model_version: what the server would answer.
    Rows that it would refuse go to TARGET/_set_aside with the reason. Said again, it goes on where it was: files
    that are done and have not changed are left as they are. Memory does not grow with the files.

    Exit code 0 when every file is scored, 1 when one could not be.
    """
    if (name is None) == (directory is None):
        raise InputError("give either --model or --model-dir", hint="mlmon batch-predict IN OUT --model house_prices")
    from mlmon_dagster.settings import read_settings

    settings = read_settings()
    session = _session(master) if engine == "spark" else None
    shared = settings.home if session is not None else None  # workers reach it under the same path
    if shared is not None:
        shared.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mlmon-", dir=shared) as temporary:
        place, version = (directory or Path(temporary) / "model").resolve(), 0
        if name is not None:
            version = _export(place, settings, name, number)
        from mlmon_dagster.adapters.batch.folder import BatchFolder
        from mlmon_dagster.adapters.batch.scorer import BatchScorer

        folder = BatchFolder(source.resolve(), target.resolve(), BatchScorer.open(place, version))
        return _score(folder, as_json, _here if session is None else _on_spark(session, place))


def _export(place: Path, settings: "Settings", name: str, number: int | None) -> int:
    from mlmon_dagster.adapters.mlflow.registry import open_registry
    from mlmon_dagster.errors import MissingError

    registry = open_registry(settings)
    versions = registry.versions(name)
    if not versions:
        raise MissingError(f"there is no registered model called {name!r}", hint="materialise its model_registry stage")
    version = versions[0] if number is None else registry.version(name, number)
    registry.export(version, place)
    return version.number


def _score(folder: "BatchFolder", as_json: bool, scoring: Scoring) -> int:
    files = folder.files()
    done: dict[Path, DoneFile] = {file: found for file in files if (found := folder.done(file)) is not None}
    left, kept = [file for file in files if file not in done], len(done)
    new, failed = scoring(folder, left, not as_json) if left else ([], {})
    done |= {folder.source / one.file: one for one in new}
    rows, aside = sum(one.rows for one in done.values()), sum(one.set_aside for one in done.values())
    high = sum(one.high for one in done.values())
    total = sum(one.drift_score * one.rows for one in done.values() if one.drift_score is not None)
    drift = total / rows if rows else None
    if as_json:
        told = {"files": len(files), "kept": kept, "failed": failed, "rows": rows, "set_aside": aside}
        model = {"model": folder.scorer.digest, "version": folder.scorer.version, "output": str(folder.target)}
        output.document({**told, "drift_score": drift, "high": high, **model})
    else:
        already = f" ({kept} were done before)" if kept else ""
        click.echo(f"{rows:,} rows of {len(done)} files are in {folder.target}{already}")
        if drift is not None:
            click.echo(f"mean drift score {drift:.2f}, {high / rows:.1%} of the rows above 2")
        if aside:
            click.echo(f"{aside:,} rows were set aside with a reason: {folder.target / '_set_aside'}")
        for message in failed.values():
            click.echo(f"{click.style('failed', fg='red')}  {message}", err=True)
    return 1 if failed else 0


def _here(folder: "BatchFolder", files: "list[Path]", show: bool) -> "tuple[list[DoneFile], dict[str, str]]":
    """What became of the files, and why some could not be scored."""
    from mlmon_dagster.adapters.batch.folder import count_rows

    done, failed = [], {}
    with _progress(sum(map(count_rows, files)), show=show) as progress:
        for file in files:
            try:
                done.append(folder.score(file, progress))
            except MlmonError as error:
                failed[str(file)] = error.message
    return done, failed


def _on_spark(session: Any, model: Path) -> Scoring:
    """The same by Spark's workers."""
    from mlmon_dagster.adapters.batch.spark import score_files_on_spark

    return lambda folder, files, show: score_files_on_spark(session, folder, model, files)


def _session(master: str | None) -> Any:
    try:
        import pyspark  # noqa: F401 - asked for only here
    except ImportError:
        raise InputError(
            "pyspark is not installed, so nothing can be scored on Spark",
            hint="install pyspark and Java, or leave out --engine spark: one machine scores millions of rows a minute",
        ) from None
    from mlmon_dagster.adapters.engines.spark import Spark

    return Spark(master=master).session()


@contextmanager
def _progress(rows: int, *, show: bool) -> Iterator[Any]:
    """Called with rows as they are done; a bar on a terminal."""
    if not show or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("scoring", total=rows)
        yield lambda count: bar.advance(task, count)
