"""What `mlmon drift` found, as it is printed, as JSON and as a page."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    import pyarrow

    from mlmon_dagster.drift.column import Column
    from mlmon_dagster.drift.judging import Segmented
    from mlmon_dagster.drift.monitor import Drift

COLOURS = {"ok": "green", "drift": "bold red", "insufficient": "yellow", "no_data": "yellow", "error": "red"}


def row(one: "Drift") -> dict[str, Any]:
    """A judged column, for JSON."""
    return {
        "column": one.column,
        "segment": one.segment,
        "method": one.method,
        "value": _finite(one.value),
        "p_value": _finite(one.p_value),
        "threshold": one.threshold,
        "verdict": one.verdict,
        "reason": one.reason,
        "unit": one.unit,
        "certainty": one.measure.certainty if one.measure else None,
        "effect": _finite(one.measure.effect) if one.measure else None,
        "effective_rows": _finite(one.measure.effective_rows) if one.measure else None,
        "version": _version(one.method),
    }


def _version(method: str) -> int | None:
    """Of the method, which rises when its numbers change; another library's numbers have none."""
    from mlmon_dagster import plugins

    return getattr(plugins.load("method", method), "version", None) if method in plugins.names("method") else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def show(
    judged: "tuple[Drift, ...]",
    before: "Mapping[str, Column]",
    now: "Mapping[str, Column]",
    rows: tuple[int, int],
    segments: "Mapping[str, Segmented]",
) -> None:
    """Prints the table with sparklines, a sentence for every column that is not well, and what it comes to."""
    from rich.text import Text

    from mlmon_dagster.adapters.report.page import summary
    from mlmon_dagster.drift.monitor import verdict_of

    lines = [
        (
            one.title,
            one.method,
            "" if one.value is None else f"{one.value:.4g}",
            "" if one.threshold is None else f"{one.threshold:.3g}",
            "" if one.p_value is None else f"{one.p_value:.2g}",
            *_sparklines(*_sides(one, before, now, segments)),
            Text(one.verdict, style=COLOURS[one.verdict]),
        )
        for one in judged
    ]
    heads = ("column", "method", "value", "threshold", "p", "reference", "window", "verdict")
    output.table(f"{rows[0]:,} reference rows, {rows[1]:,} in the window", heads, lines, empty="no column to compare")
    told = [one.reason for one in judged if one.verdict != "ok"]
    if told:
        click.echo("\n" + "\n".join(told))
    extra = sorted(set(now) - set(before))
    if extra:
        click.echo(f"only in the window, not compared: {', '.join(extra)}")
    verdict = verdict_of(one.verdict for one in judged)
    cannot = f"{verdict}: the window cannot be judged, see above"
    click.echo(f"\n{summary(judged) if verdict == 'drift' else 'no drift' if verdict == 'ok' else cannot}")


def _sides(
    one: "Drift", before: "Mapping[str, Column]", now: "Mapping[str, Column]", segments: "Mapping[str, Segmented]"
) -> "tuple[Column | None, Column | None]":
    """The column that was judged, on both sides."""
    if one.segment is None:
        return before.get(one.column), now.get(one.column)
    sides = segments[one.segment]
    return (sides.reference or {}).get(one.column), sides.window.get(one.column)


def _sparklines(reference: "Column | None", window: "Column | None") -> tuple[str, str]:
    from mlmon_dagster.cli._sparkline import BINS, sparkline
    from mlmon_dagster.drift.histogram import histogram

    if reference is None or window is None or reference.kind != window.kind:
        return "", ""
    found = histogram(reference, window, BINS)
    highest = max((*found.reference, *found.window), default=0.0)
    return sparkline(found.reference, highest), sparkline(found.window, highest)


def write_page(
    path: str,
    by: str,
    tables: "list[pyarrow.Table]",
    columns: "tuple[Mapping[str, Column], Mapping[str, Column]]",
    judged: "tuple[Drift, ...]",
    about: tuple[str, str, int, int],
    segments: "Mapping[str, Segmented]",
) -> None:
    """Writes the HTML page of ours, or of Evidently."""
    if by == "evidently":
        if not tables:
            raise click.UsageError("evidently's report needs the rows, which --engine does not keep")
        from mlmon_dagster.adapters.evidently import write_report as write_evidently

        write_evidently(tables[0], tables[1], path)
        return
    from mlmon_dagster.adapters.report.page import Report, write_report

    facts = {
        "reference": f"{about[0]}, {about[2]:,} rows",
        "window": f"{about[1]}, {about[3]:,} rows",
    }
    parts = {name: (sides.reference or {}, sides.window) for name, sides in segments.items()}
    write_report(Report("Drift report", facts, *columns, judged, segments=parts).html, path)
