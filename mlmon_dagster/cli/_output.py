"""How a command answers: rows as a table or as JSON on standard output, failures on standard error."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from mlmon_dagster.errors import MlmonError

json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
"""`--json`, which every command takes."""

actor_option = click.option(
    "--as", "actor", envvar="MLMON_ACTOR", metavar="NAME", help="Who acts (default: MLMON_ACTOR, else the login name)."
)
"""`--as NAME`, which every command that changes state takes in local mode."""


def document(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, default=str, allow_nan=False, ensure_ascii=False))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
    """A readable table; `empty` is the sentence for no rows."""
    if not rows:
        click.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text("" if cell is None else str(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(grid)


def failure(error: MlmonError, *, as_json: bool) -> None:
    """The error for a person on standard error, or as a document for a program."""
    if as_json:
        body = {"error": type(error).__name__, "code": error.code, "message": error.message, "hint": error.hint}
        click.echo(json.dumps(body, ensure_ascii=False), err=True)
        return
    click.echo(click.style("Error: ", fg="red", bold=True) + error.message, err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)


def warning(sentence: str, *, as_json: bool) -> None:
    """What does not stop a command, on standard error; for a program as a document on a line of its own."""
    if as_json:
        click.echo(json.dumps({"warning": sentence}, ensure_ascii=False), err=True)
    else:
        click.echo(click.style("Warning: ", fg="yellow", bold=True) + sentence, err=True)
