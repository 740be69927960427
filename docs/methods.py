"""Writes docs/methods.md from what every drift method says of itself: `python docs/methods.py`."""

import dataclasses
import inspect
import typing
from pathlib import Path

from mlmon_dagster import plugins

PAGE = Path(__file__).with_suffix(".md")

INTRODUCTION = """# Drift methods

Every method measures how far a window lies from its reference; [Drift](drift.md) says how that is judged. p and q are
the shares of the reference's n and the window's m rows in a bin, F and G their cumulative shares. All are exact where
every value is known. From a profile in bins, those that only need bins (`psi`, `jensen_shannon`, `hellinger`) still
are, and the others say between which bounds the distance lies.

This page is written by `python docs/methods.py`; the words are those of the code.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(section(name) for name in plugins.names("method"))])


def section(name: str) -> str:
    """One method: what it measures, when to use it, its source, its cost and its parameters."""
    method = plugins.load("method", name)
    text = inspect.cleandoc(method.__doc__ or "").partition("\n>>>")[0].strip()
    body, _, source = text.partition("Source: ")
    paragraphs = [" ".join(part.split()) for part in body.split("\n\n") if part.strip()]
    if source:
        paragraphs.append(f"Source: {' '.join(source.split())}")
    kinds = ", ".join(method.kinds)
    facts = [
        ("unit", method.unit), ("columns", kinds), ("drift above, by default", f"{method.default_threshold:g}"),
        ("cost", method.cost), ("version", str(method.version)),
    ]  # fmt: skip
    rows = [f"| {key} | {value} |" for key, value in facts]
    table = ["| | |", "|---|---|", *rows, *(parameter(field, method) for field in dataclasses.fields(method))]
    return "\n\n".join([f"## `{name}`", *paragraphs, "\n".join(table)]) + "\n"


def parameter(field: "dataclasses.Field[object]", method: type) -> str:
    """A row for a field of the method."""
    hint = typing.get_type_hints(method, include_extras=True)[field.name]
    told = next((one.description for one in typing.get_args(hint)[1:] if getattr(one, "description", None)), "")
    default = ", ".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
    return f"| `{field.name}` | {told}; {default} without it |"


if __name__ == "__main__":
    PAGE.write_text(page())
