"""`mlmon drift`: how far two files have drifted apart, without a pipeline, a server or a configuration."""

import math
from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from mlmon_dagster.drift.monitor import Drift

EXITS = {"ok": 0, "drift": 1, "insufficient": 1, "no_data": 1, "error": 2}
COLOURS = {"ok": "green", "drift": "bold red", "insufficient": "yellow", "no_data": "yellow", "error": "red"}


@click.command("drift", short_help="Compare two files: what has drifted, and how far.")
@click.option("--reference", required=True, metavar="PATH", help="CSV or Parquet file, folder or glob to compare with.")
@click.option("--current", required=True, metavar="PATH", help="The window: the same kinds of file.")
@click.option("--method", default="auto", show_default=True, help="Drift method for every column it can measure.")
@click.option("--columns", metavar="A,B", help="Only these columns (default: all of the reference).")
@click.option("--threshold", type=float, help="Distance above which it is drift (default: the method's).")
@click.option("--minimum-rows", type=click.IntRange(min=1), default=30, show_default=True, help="Fewer are not judged.")
@click.option("--report", metavar="FILE", help="Also write an HTML report (by Evidently).")
@output.json_option
def command(
    reference: str,
    current: str,
    method: str,
    columns: str | None,
    threshold: float | None,
    minimum_rows: int,
    report: str | None,
    as_json: bool,
) -> int:
    """Measure how far CURRENT has drifted from REFERENCE, column by column.

    \b
    mlmon drift --reference last_year.parquet --current this_week.csv
    mlmon drift --reference a.csv --current b.csv --method psi --columns price,area --json

    Exit code 0 when nothing drifted, 1 when something did or the window is too thin to say, 2 for bad input.
    """
    from mlmon_dagster.adapters.tables import columns_of, read_table
    from mlmon_dagster.drift.monitor import judge, verdict_of
    from mlmon_dagster.drift.profile import Profile

    tables = [read_table(path) for path in (reference, current)]
    before, now = (columns_of(table) for table in tables)
    profile = Profile.of(before)
    monitor = _monitor(method, _chosen(columns, tuple(before)), threshold, minimum_rows)
    judged = judge(profile, now, monitor)
    verdict = verdict_of(one.verdict for one in judged)
    drifted = [one.column for one in judged if one.verdict == "drift"]
    if as_json:
        output.document(
            {
                "reference": {"path": reference, "rows": profile.rows, "digest": profile.digest},
                "window": {"path": current, "rows": tables[1].num_rows, "digest": _digest(now)},
                "columns": [_row(one) for one in judged],
                "drifted": drifted,
                "verdict": verdict,
            }
        )
    else:
        _show(judged, verdict, drifted, (profile.rows, tables[1].num_rows), sorted(set(now) - set(before)))
    if report:
        from mlmon_dagster.adapters.evidently import write_report

        write_report(tables[0], tables[1], report)
        if not as_json:
            click.echo(f"report: {report}")
    return EXITS[verdict]


def _chosen(columns: str | None, known: tuple[str, ...]) -> Any:
    from mlmon_dagster.errors import MissingError
    from mlmon_dagster.plugins import unknown

    if columns is None:
        return "all"
    names = [name.strip() for name in columns.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise MissingError(unknown("column of the reference", name, known))
    if not names:
        raise MissingError(f"--columns names no column (known: {', '.join(known)})")
    return names


def _monitor(method: str, columns: Any, threshold: float | None, minimum_rows: int) -> Any:
    from pydantic import ValidationError

    from mlmon_dagster.drift.monitor import parse_monitor
    from mlmon_dagster.errors import InputError

    declared = {"use": method, "columns": columns, "minimum_rows": minimum_rows}
    try:
        return parse_monitor("drift", declared | ({} if threshold is None else {"threshold": threshold}))
    except ValidationError as error:
        first = error.errors()[0]
        option = {"use": "--method", "threshold": "--threshold"}.get(str(first["loc"][0]) if first["loc"] else "", "")
        raise InputError(f"{option}: {first['msg']}" if option else first["msg"]) from error


def _digest(columns: Any) -> str | None:
    """Of the window's content; an empty window has none."""
    from mlmon_dagster.drift.profile import Profile

    return Profile.of(columns).digest if any(one.rows for one in columns.values()) else None


def _row(one: "Drift") -> dict[str, Any]:
    return {
        "column": one.column,
        "method": one.method,
        "value": _finite(one.value),
        "p_value": _finite(one.p_value),
        "threshold": one.threshold,
        "verdict": one.verdict,
        "reason": one.reason,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _show(
    judged: "tuple[Drift, ...]", verdict: str, drifted: list[str], rows: tuple[int, int], extra: list[str]
) -> None:
    from rich.text import Text

    lines = [
        (
            one.column,
            one.method,
            "" if one.value is None else f"{one.value:.4g}",
            f"{one.threshold:g}",
            "" if one.p_value is None else f"{one.p_value:.2g}",
            Text(one.verdict, style=COLOURS[one.verdict]),
            one.reason,
        )
        for one in judged
    ]
    heads = ("column", "method", "value", "threshold", "p", "verdict", "why")
    output.table(f"{rows[0]:,} reference rows, {rows[1]:,} in the window", heads, lines, empty="no column to compare")
    if extra:
        click.echo(f"only in the window, not compared: {', '.join(extra)}")
    said = {"drift": f"drift in {len(drifted)} of {len(judged)} columns: {', '.join(drifted)}", "ok": "no drift"}
    click.echo(f"\n{said.get(verdict, f'{verdict}: the window cannot be judged, see above')}")
