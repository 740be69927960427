"""`mlmon validate`: every mistake of pipeline files, with line and column."""

from typing import TYPE_CHECKING

import click

from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlmon_dagster.adapters.pipelines import Declared
    from mlmon_dagster.errors import Problem

HELP = """Check pipeline files, and say every mistake with its line and column.

\b
Example:
  mlmon validate                            # the folder MLMON_PIPELINES (default: pipelines)
  mlmon validate pipelines/house_prices/pipeline.yaml --json

Nothing of a pipeline is run. Functions and local files that are not there are warnings. The exit code is 0 when all
files are valid, 1 when one is not, 2 when there is no file.
"""


@click.command(help=HELP)
@click.argument("path", nargs=-1, type=click.Path())
@output.json_option
def command(path: tuple[str, ...], as_json: bool) -> int:
    import os
    from pathlib import Path

    from mlmon_dagster.adapters.pipelines import pipeline_files, read_pipelines
    from mlmon_dagster.adapters.references import missing_references
    from mlmon_dagster.errors import InvalidPipelineError
    from mlmon_dagster.settings import read_settings

    places = [Path(one) for one in path] or [read_settings().pipelines]
    try:
        files = [file for place in places for file in (pipeline_files(place) if place.is_dir() else [_existing(place)])]
        declared, problems = read_pipelines(dict.fromkeys(file.resolve() for file in files), os.environ)
    except InvalidPipelineError as error:
        declared, problems = {}, list(error.problems)
    warnings = [warning for one in declared.values() for warning in missing_references(one)]
    if as_json:
        _document(declared, problems, warnings)
    else:
        _lines(declared, problems, warnings)
    return 1 if problems else 0


def _existing(file: "Path") -> "Path":
    from mlmon_dagster.errors import MissingError

    if not file.is_file():
        raise MissingError(
            f"there is no file or folder {file}", hint="mlmon init DIR makes a pipeline that runs at once"
        )
    return file


def _lines(declared: "Mapping[str, Declared]", problems: "Sequence[Problem]", warnings: "Sequence[Problem]") -> None:
    for name, one in declared.items():
        click.echo(f"ok: {name} ({_size(one)})")
    for warning in warnings:
        click.echo(f"{click.style('warning', fg='yellow')}: {_told(warning)}")
    for problem in problems:
        click.echo(f"{click.style('error', fg='red')}: {problem}")
    if problems:
        click.echo(f"{len(problems)} mistake{'s' if len(problems) > 1 else ''}")


def _told(warning: "Problem") -> str:
    from pathlib import Path

    from mlmon_dagster.adapters.pipelines import shown

    return f"{shown(Path(warning.file))}: {warning.message}"


def _size(one: "Declared") -> str:
    counts = _counts(one)
    return ", ".join(f"{count} {noun if count != 1 else noun.removesuffix('s')}" for noun, count in counts.items())


def _counts(one: "Declared") -> dict[str, int]:
    stages = one.pipeline.stages
    return {
        "stages": len(stages.__dataclass_fields__),
        "environments": len(one.pipeline.environments),
        "monitors": len(stages.model_monitoring.monitors),
    }


def _document(declared: "Mapping[str, Declared]", problems: "Sequence[Problem]", warnings: "Sequence[Problem]") -> None:
    from dataclasses import asdict

    output.document(
        {
            "valid": not problems,
            "pipelines": [
                {"pipeline": name, "file": str(one.file), "digest": one.digest, **_counts(one)}
                for name, one in declared.items()
            ],
            "problems": [asdict(problem) for problem in problems],
            "warnings": [{"file": warning.file, "message": warning.message} for warning in warnings],
        }
    )
