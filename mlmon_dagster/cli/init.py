"""`mlmon init`: a new repository of pipelines that runs at once, on made-up data or on one's own."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from mlmon_dagster.cli._survey import Survey
    from mlmon_dagster.pipeline.windows import Window

HELP = """Make a repository with one pipeline that runs at once: declaration, model, Dagster files.

\b
Example:
  mlmon init shop                                          # with made-up data
  mlmon init churn --data customers.csv --target churned   # with yours

Of your data the time of each row, its key, classes or amount, inputs and windows are found out and said; the file
that is written is commented and valid, and yours to change. In a folder that has pipelines/ the pipeline is added.

The pipeline is called as the folder, or as --name says. Files that exist are never overwritten.
"""

TEMPLATES = Path(__file__).parent.parent / "templates"
DAYS, FLATS = 60, 40
"""The made-up data: so many days, so many flats on each."""

MADE_UP = ("2026-01-01..2026-02-19", "2026-02-20..2026-03-01")
"""Their windows: the reference, and those after it."""


@click.command(help=HELP, short_help="Make a repository with one pipeline that runs at once.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", help="Name of the pipeline: lower-case letters, digits and _ (default: the folder's name).")
@click.option("--data", metavar="FILE", help="Rows to make the pipeline of: CSV, JSON lines or Parquet; quote a glob.")
@click.option("--target", metavar="COLUMN", help="Column of --data that the model predicts.")
@click.option(
    "--time", metavar="COLUMN", help="Column with the time of each row (default: the first that holds times)."
)
@click.option("--key", metavar="A,B", help="Columns that together identify a row (default: one without repetition).")
@output.json_option
def command(
    folder: Path,
    name: str | None,
    data: str | None,
    target: str | None,
    time: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    name = _name(name, folder)
    found = _survey(data, target, time, key)
    made = _made_of(name, folder, data, found) if data and found else _made_up(name)
    files = dict(made)
    if (folder / "pipelines").is_dir():
        files = {path: text for path, text in files.items() if path.startswith("pipelines/")}
    _refuse_existing(folder, list(files))
    if found:
        _refuse_invalid(files[f"pipelines/{name}/pipeline.yaml"])
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    commands = [f"cd {folder}", *_commands(name, found)]
    if as_json:
        output.document({"folder": str(folder), "pipeline": name, "files": list(files), "next": commands})
        return
    click.echo(f"Made the pipeline {name} in {folder}:")
    for path in files:
        click.echo(f"  {path}")
    if found:
        click.echo(f"What was found in {found.rows:,} rows:")
        for word, said in _findings(found):
            click.echo(f"  {word:9} {said}")
    click.echo("Next:")
    for line in commands:
        click.echo(f"  {line}")


def _survey(data: str | None, target: str | None, time: str | None, key: str | None) -> "Survey | None":
    from mlmon_dagster.adapters.inputs import read_input
    from mlmon_dagster.cli._survey import survey
    from mlmon_dagster.errors import InputError

    if data is None:
        if target or time or key:
            raise InputError("--target, --time and --key are about --data", hint="mlmon init DIR --data FILE")
        return None
    if Path(data).is_dir():
        raise InputError(f"{data} is a folder", hint=f"name its files: --data '{data.rstrip('/')}/*.parquet'")
    if data == "-" or "://" in data:
        raise InputError(f"--data is a file or a glob, not {data}", hint="docs/sources.md: other sources, by hand")
    table = read_input(data)
    if target is None:
        raise InputError(
            f"--target is missing: the column of {data} that the model predicts",
            hint=f"its columns: {', '.join(table.column_names)}",
        )
    return survey(table, target, time, [one.strip() for one in key.split(",")] if key else [])


def _made_of(name: str, folder: Path, data: str, found: "Survey") -> Iterator[tuple[str, str]]:
    """Path in the repository -> text of every file, for a pipeline of these data."""
    import os

    from mlmon_dagster.cli._declaring import placeholders

    home = folder.resolve() / "pipelines" / name
    path = Path(os.path.relpath(Path(data).resolve(), home)).as_posix()
    words = placeholders(name, path, found)
    about = f"The data are read from `{path}`, relative to the pipeline file, or from where `{name.upper()}_DATA` says."
    yield f"pipelines/{name}/pipeline.yaml", _filled("data/pipeline.yaml", words)
    yield f"pipelines/{name}/model.py", _filled("data/model.py.txt", words)
    yield from _repository(name, _range(found.reference), _range(found.later), about)


def _findings(found: "Survey") -> Iterator[tuple[str, str]]:
    """What was found out, word by word."""
    also = f" (also possible: --time {', --time '.join(found.also_time)})" if found.also_time else ""
    yield "time", found.time + also
    yield "key", ", ".join(found.key) or "none: performance is not judged; --key names one"
    kind = f"classes {', '.join(map(str, found.classes))}" if found.classes else f"an amount, {found.target.range}"
    yield "target", f"{found.target.name}: {kind}"
    yield "inputs", ", ".join(one.name for one in found.inputs)
    for one in found.left_out:
        yield "left out", f"{one.name}: {one.unfit}"
    count = len(found.reference) + len(found.later)
    yield "windows", f"{count} {found.windows.every}; the first {len(found.reference)} are the reference"


def _commands(name: str, found: "Survey | None") -> list[str]:
    """What is run next, in order."""
    learned, watched = (_range(found.reference), _range(found.later)) if found else MADE_UP
    return [
        "mlmon validate",
        f"mlmon run '{name}/*' --window {learned}",
        f"mlmon run '{name}/data_*' {name}/feature_store '{name}/dev/*' --window {watched}",
    ]


def _range(windows: "tuple[Window, ...]") -> str:
    return windows[0].key if len(windows) == 1 else f"{windows[0].key}..{windows[-1].key}"


def _name(name: str | None, folder: Path) -> str:
    from mlmon_dagster.errors import InputError
    from mlmon_dagster.plugins import NAME

    name = folder.resolve().name if name is None else name
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be a pipeline's name: lower-case letters, digits and _, at most 64, a letter first",
            hint="choose one: mlmon init DIR --name NAME",
        )
    return name


def _made_up(name: str) -> Iterator[tuple[str, str]]:
    """Path in the repository -> text of every file, with made-up data."""
    words = {"name": name}
    about = "`sales.csv` is made up: 60 days of flats. Replace it, the schema, the features and `train` with yours."
    yield f"pipelines/{name}/pipeline.yaml", _filled("repository/pipeline.yaml", words)
    yield f"pipelines/{name}/model.py", _filled("repository/model.py.txt", words)
    yield from _repository(name, *MADE_UP, about)
    yield f"pipelines/{name}/sales.csv", _sales()


def _repository(name: str, learned: str, watched: str, about: str) -> Iterator[tuple[str, str]]:
    """What is around pipelines; `learned` and `watched` are windows of this one."""
    from importlib.metadata import version

    release = ".".join(version("mlmon_dagster").split(".")[:3])
    words = {"name": name, "version": release, "learned": learned, "watched": watched, "about": about}
    for template, path in (
        ("dagster.yaml", "dagster.yaml"),
        ("workspace.yaml", "workspace.yaml"),
        ("repository/pyproject.toml", "pyproject.toml"),
        ("repository/README.md", "README.md"),
        ("repository/gitignore", ".gitignore"),
        ("repository/validate.yml", ".github/workflows/validate.yml"),
    ):
        yield path, _filled(template, words)


def _filled(template: str, words: Mapping[str, str]) -> str:
    """The template with every `@word@` that there is."""
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return re.sub(r"@([a-z]+)@", lambda found: words.get(found[1], found[0]), text)


def _refuse_invalid(text: str) -> None:
    """Names that no pipeline file may hold, control characters for one, are told before anything is written."""
    import os

    from mlmon_dagster.pipeline.parse import parse_pipeline

    parse_pipeline(text, file="pipeline.yaml", environ=os.environ)


def _sales() -> str:
    """The same made-up flats every time."""
    from datetime import date, timedelta
    from random import Random

    random = Random(7)  # noqa: S311 - made-up data
    lines = ["id,day,size,rooms,age,city,price"]
    for number in range(DAYS * FLATS):
        size = round(min(max(random.gauss(80, 25), 15), 300), 1)
        rooms, age = max(1, round(size / 28 + random.gauss(0, 0.6))), random.randrange(100)
        city, factor = random.choice((("Bonn", 1.1), ("Ulm", 1.0), ("Kiel", 0.9)))
        price = round(max(factor * (11 * size - 2 * age + 40 * rooms) + random.gauss(0, 60), 100), 2)
        day = date(2026, 1, 1) + timedelta(days=number // FLATS)
        lines.append(f"{number},{day},{size},{rooms},{age},{city},{price}")
    return "\n".join(lines) + "\n"


def _refuse_existing(folder: Path, paths: list[str]) -> None:
    from mlmon_dagster.errors import BlockedError

    existing = [path for path in paths if (folder / path).exists()]
    if existing:
        raise BlockedError(
            f"{folder} already has {', '.join(existing)}; nothing was written", hint="choose an empty or new folder"
        )
