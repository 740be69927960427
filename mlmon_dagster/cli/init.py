"""`mlmon init`: a new repository of pipelines that runs at once."""

from collections.abc import Iterator
from pathlib import Path

import click

from mlmon_dagster.cli import _output as output

HELP = """Make a repository with one small pipeline that runs at once: declaration, model, data, Dagster files.

\b
Example:
  mlmon init shop
  cd shop && mlmon validate

The pipeline is called as the folder, or as --name says. Files that exist are never overwritten.
"""

TEMPLATES = Path(__file__).parent.parent / "templates"
DAYS, FLATS = 60, 40
"""The made-up data: so many days, so many flats on each."""


@click.command(help=HELP)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", help="Name of the pipeline: lower-case letters, digits and _ (default: the folder's name).")
@output.json_option
def command(folder: Path, name: str | None, as_json: bool) -> None:
    name = _name(name, folder)
    files = dict(_files(name))
    _refuse_existing(folder, list(files))
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    if as_json:
        output.document({"folder": str(folder), "pipeline": name, "files": list(files)})
        return
    click.echo(f"Made the pipeline {name} in {folder}:")
    for path in files:
        click.echo(f"  {path}")
    click.echo(f"Next: cd {folder} && mlmon validate; README.md there says how it is run.")


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


def _files(name: str) -> Iterator[tuple[str, str]]:
    """Path in the repository -> text of every file."""
    from importlib.metadata import version

    release = ".".join(version("mlmon_dagster").split(".")[:3])
    for template, path in (
        ("repository/pipeline.yaml", f"pipelines/{name}/pipeline.yaml"),
        ("repository/model.py.txt", f"pipelines/{name}/model.py"),
        ("dagster.yaml", "dagster.yaml"),
        ("workspace.yaml", "workspace.yaml"),
        ("repository/pyproject.toml", "pyproject.toml"),
        ("repository/README.md", "README.md"),
        ("repository/gitignore", ".gitignore"),
        ("repository/validate.yml", ".github/workflows/validate.yml"),
    ):
        text = (TEMPLATES / template).read_text(encoding="utf-8")
        yield path, text.replace("@name@", name).replace("@version@", release)
    yield f"pipelines/{name}/sales.csv", _sales()


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
