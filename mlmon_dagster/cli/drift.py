"""`mlmon drift`: how far two data sets have drifted apart, without a pipeline, a server or a configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _output as output
from mlmon_dagster.cli._backtest import backtest
from mlmon_dagster.cli._comparison import row, show, write_page
from mlmon_dagster.cli._engine import counted, engine_option

if TYPE_CHECKING:
    import pyarrow

    from mlmon_dagster.drift.column import Column
    from mlmon_dagster.drift.judging import Evidence, Segmented
    from mlmon_dagster.drift.monitor import Drift
    from mlmon_dagster.drift.profile import Profile

EXITS = {
    "any": {"ok": 0, "drift": 1, "insufficient": 1, "no_data": 1, "error": 2},
    "drift": {"ok": 0, "drift": 1, "insufficient": 0, "no_data": 0, "error": 2},
    "never": {"ok": 0, "drift": 0, "insufficient": 0, "no_data": 0, "error": 0},
}
"""`--fail-on` -> exit code of each verdict."""


@click.group("drift", invoke_without_command=True, short_help="Compare two data sets: what has drifted, and how far.")
@click.option(
    "--reference", metavar="ROWS", help="What to compare with: file, folder, glob, URL, database, or - (stdin)."
)
@click.option(
    "--profile",
    metavar="PROFILE",
    help="In its place a profile: a file, or a model version's, such as models:/NAME@prod.",
)
@click.option("--current", metavar="ROWS", help="The window: the same kinds of place.")
@click.option("--reference-query", metavar="SQL", help="SELECT, or a table's name, where --reference is a database.")
@click.option("--current-query", metavar="SQL", help="The same for --current.")
@click.option(
    "--method",
    default="auto",
    show_default=True,
    help="Drift method for every column it can measure; auto also tells where values have gone missing.",
)
@click.option("--compatible", metavar="LIBRARY", help="That library's numbers and verdicts, such as evidently's.")
@click.option("--columns", metavar="A,B", help="Only these columns (default: all of the reference).")
@click.option(
    "--segment",
    "segments",
    multiple=True,
    metavar="NAME=CONDITION",
    help="Also compare the rows of which an SQL condition holds on both sides (may be repeated).",
)
@click.option("--threshold", type=float, help="Distance above which it is drift (default: the method's).")
@click.option("--minimum-rows", type=click.IntRange(min=1), default=30, show_default=True, help="Fewer are not judged.")
@click.option(
    "--fail-on",
    type=click.Choice(list(EXITS)),
    default="any",
    show_default=True,
    help="When to exit with 1: on drift, on any verdict that is not ok, or never.",
)
@engine_option
@click.option("--report", metavar="FILE", help="Also write an HTML report: one file that opens offline.")
@click.option(
    "--report-by", type=click.Choice(["mlmon", "evidently"]), default="mlmon", show_default=True, help="Whose report."
)
@output.json_option
@click.pass_context
def command(context: click.Context, /, **options: Any) -> int | None:
    """Measure how far CURRENT has drifted from REFERENCE, column by column.

    \b
    mlmon drift --reference last_year.parquet --current this_week.csv
    mlmon drift --reference a.csv --current b.csv --method psi --columns price,area --json
    mlmon drift --reference sqlite:///sales.db --reference-query sales --current - < today.jsonl
    mlmon drift --reference year.profile --current 'week/*.csv' --engine duckdb
    mlmon drift --profile models:/house_prices@prod --current week.parquet

    Rows are CSV, Parquet or JSON lines; exit code 0 when nothing drifted, 1 when something did or the window is too
    thin to say (see --fail-on), 2 for bad input.
    """
    return None if context.invoked_subcommand else _compare(**options)


command.add_command(backtest)


def _compare(
    reference: str | None,
    profile: str | None,
    current: str | None,
    reference_query: str | None,
    current_query: str | None,
    method: str,
    compatible: str | None,
    columns: str | None,
    segments: tuple[str, ...],
    threshold: float | None,
    minimum_rows: int,
    fail_on: str,
    engine: str | None,
    report: str | None,
    report_by: str,
    as_json: bool,
) -> int:
    from mlmon_dagster.adapters.inputs import STDIN, read_input
    from mlmon_dagster.adapters.profiles import is_profile
    from mlmon_dagster.drift.judging import Evidence
    from mlmon_dagster.drift.monitor import verdict_of
    from mlmon_dagster.drift.multivariate.judging import require_sums_enough
    from mlmon_dagster.drift.profile import Profile

    reference = _reference(reference, profile)
    if reference is None or current is None:
        raise click.UsageError(f"Missing option '--{'current' if reference else 'reference'}'.")
    if report_by == "evidently" and not report:
        raise click.UsageError("--report-by says whose report is written: add --report FILE")
    if engine and report_by == "evidently":
        raise click.UsageError("evidently's report needs the rows, which --engine does not keep: leave --engine out")
    if engine and compatible:
        raise click.UsageError("--compatible needs every value, and --engine counts in bins: leave --engine out")
    sides = ((reference, reference_query), (current, current_query))
    profiles = is_profile(reference) or is_profile(current)
    rows_needed = bool(compatible or segments) or report_by == "evidently" or _is_joint(method)
    counts = (profiles and not compatible) or (not profiles and not rows_needed and any(map(_is_large, sides)))
    engine = engine or ("auto" if counts else None)
    if reference == current == STDIN:
        raise click.UsageError("only one of --reference and --current can be standard input")
    tables: list[pyarrow.Table] = []
    before: Mapping[str, Column]
    now: Mapping[str, Column]
    counted_by: tuple[str | None, str | None] = (None, None)
    wanted = None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]
    if engine:
        joint = _is_joint(method)
        if joint:
            require_sums_enough(method)
        names = None if joint else wanted
        known, window, counted_by = counted(engine, *sides, columns=names, covariance=joint)
        before, now, rows = known.columns, window.columns, window.rows
    elif profiles:
        known, window = (_every_value(*place) for place in sides)
        before, now, rows = known.columns, window.columns, window.rows
    else:
        tables = [read_input(reference, reference_query), read_input(current, current_query)]
        before, now = _measured(tables, wanted)
        known = window = Profile.of(before, exact=True)
        rows = tables[1].num_rows
    if segments and (not tables or compatible or _is_joint(method)):
        raise click.UsageError("--segment needs the rows, and a method of single columns: no --engine or --compatible")
    parts = _segmented(segments, tables)
    own = {"threshold": threshold, "compatible": compatible, "segments": list(parts) or None}
    monitor = _monitor(method, _chosen(columns, tuple(before)), minimum_rows, own)
    together = _jointly(monitor, tables) if tables else _from_profiles(monitor, known, window)
    alone = method != "auto" or bool(compatible)
    judged = together or _judged(monitor, Evidence(known, segments=parts), now, alone=alone)
    verdict = verdict_of(one.verdict for one in judged)
    shown = (_shown(reference), _shown(current))
    if as_json:
        output.document(
            {
                "reference": {"path": shown[0], "rows": known.rows, "digest": known.digest, "engine": counted_by[0]},
                "window": {"path": shown[1], "rows": rows, "digest": _digest(now), "engine": counted_by[1]},
                "columns": [row(one) for one in judged],
                "drifted": list(dict.fromkeys(one.title for one in judged if one.verdict == "drift")),
                "verdict": verdict,
            }
        )
    else:
        show(judged, before, now, (known.rows, rows), parts)
        _tell_how((reference, current), before, counted_by)
    if report:
        write_page(report, report_by, tables, (before, now), judged, (*shown, known.rows, rows), parts)
        if not as_json:
            click.echo(f"report: {report}")
    return EXITS[fail_on][verdict]


def _reference(reference: str | None, profile: str | None) -> str | None:
    """The reference by whichever option it was given."""
    from mlmon_dagster.adapters.profiles import is_profile

    if reference is not None and profile is not None:
        raise click.UsageError("--profile stands in the place of --reference: give one of them")
    if profile is not None and Path(profile).is_file() and not is_profile(profile):
        raise click.UsageError(
            f"--profile: {profile} holds rows and no profile: mlmon profile build {profile} --out FILE"
        )
    return reference if profile is None else profile


def _measured(
    tables: "list[pyarrow.Table]", wanted: list[str] | None
) -> "tuple[Mapping[str, Column], Mapping[str, Column]]":
    """Both tables' columns, or those that are wanted: others may be of a type that is not measured."""
    from mlmon_dagster.drift.frames import columns_of
    from mlmon_dagster.errors import DataError

    names: tuple[Any, Any] = (None, None)
    if wanted:
        _chosen(",".join(wanted), tuple(tables[0].column_names))
        names = wanted, [name for name in wanted if name in tables[1].column_names]
    try:
        before, now = (columns_of(table, chosen) for table, chosen in zip(tables, names, strict=True))
    except DataError as error:
        raise DataError(error.message, hint=error.hint or "--columns names those that are to be compared") from error
    return before, now


def _tell_how(places: tuple[str, str], before: "Mapping[str, Column]", counted_by: tuple[str | None, ...]) -> None:
    """Which engines counted, and what stands in the names of folders only."""
    from mlmon_dagster.adapters.profiles import is_profile
    from mlmon_dagster.adapters.tables import folder_keys

    for side, engine in zip(("reference", "window"), counted_by, strict=True):
        if engine:
            click.echo(f"{side} counted by {engine}")
    keys = sorted({key for place in places if not is_profile(place) for key in folder_keys(place)} - set(before))
    if keys:
        click.echo(
            f"in names of folders only, not compared: {', '.join(keys)} (--engine '{{use: duckdb, partitions: true}}' "
            "reads them as columns)"
        )


def _every_value(place: str, query: str | None) -> "Profile":
    """A profile as it is, or all values of rows."""
    from mlmon_dagster.adapters.inputs import read_input
    from mlmon_dagster.adapters.profiles import is_profile
    from mlmon_dagster.cli import _profiles as profiles
    from mlmon_dagster.drift.frames import columns_of
    from mlmon_dagster.drift.profile import Profile

    if is_profile(place):
        return profiles.read(place)
    table = read_input(place, query)
    return Profile(columns_of(table), table.num_rows)


def _is_large(side: tuple[str, str | None]) -> bool:
    """Whether rows are Parquet too large to be read whole: those are counted piece by piece, in constant memory."""
    from mlmon_dagster.adapters.engines.auto import Auto
    from mlmon_dagster.plugins import name_of
    from mlmon_dagster.ports import Rows

    return name_of(type(Auto().chosen(Rows(place=side[0], query=side[1])))) == "streaming"


def _shown(place: str) -> str:
    """The place without a secret that its URL may hold."""
    from mlmon_dagster.adapters.sources.url import masked

    return masked(place) if "://" in place else place


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


def _monitor(method: str, columns: Any, minimum_rows: int, own: Mapping[str, Any]) -> Any:
    from pydantic import ValidationError

    from mlmon_dagster.drift.monitor import parse_monitor
    from mlmon_dagster.errors import InputError

    declared = {"use": method, "columns": columns, "minimum_rows": minimum_rows}
    try:
        return parse_monitor("drift", declared | {name: value for name, value in own.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        options = {"use": "--method", "threshold": "--threshold", "compatible": "--compatible"}
        option = options.get(str(first["loc"][0]) if first["loc"] else "", "")
        raise InputError(f"{option}: {first['msg']}" if option else first["msg"]) from error


def _judged(monitor: Any, evidence: "Evidence", now: "Mapping[str, Column]", *, alone: bool) -> "tuple[Drift, ...]":
    """Every column by the method and, unless it is asked for alone, those whose share of missing values has drifted."""
    from dataclasses import replace

    from mlmon_dagster.drift.judging import judge_all
    from mlmon_dagster.drift.methods.missing import Missing

    monitors = {monitor.name: monitor}
    if not alone:
        share = replace(monitor, name="missing", method=Missing(), threshold=Missing.default_threshold, segments=())
        monitors[share.name] = share
    found = judge_all(monitors, evidence, now)
    lost = {one.title: one for one in found.get("missing", ()) if one.verdict == "drift"}
    return tuple(row for one in found[monitor.name] for row in (one, lost.get(one.title)) if row is not None)


def _segmented(segments: tuple[str, ...], tables: "list[pyarrow.Table]") -> "dict[str, Segmented]":
    """Both sides of each declared segment."""
    import pyarrow as pa

    from mlmon_dagster.assets.segments import masks
    from mlmon_dagster.drift.frames import columns_of
    from mlmon_dagster.drift.judging import Segmented

    declared = {}
    for text in segments:
        name, _, condition = text.partition("=")
        if not name.strip() or not condition.strip():
            raise click.UsageError(f"--segment: {text!r} has no condition, expected NAME=CONDITION: north='lat > 47.6'")
        declared[name.strip()] = condition
    sides = [masks(table, declared) for table in tables] if declared else []
    parts = {
        name: [columns_of(table.filter(pa.array(side[name]))) for table, side in zip(tables, sides, strict=True)]
        for name in declared
    }
    return {name: Segmented(before, now) for name, (before, now) in parts.items()}


def _jointly(monitor: Any, tables: "list[pyarrow.Table]") -> "tuple[Drift, ...]":
    """The one verdict of a method over several columns; nothing for other methods."""
    from mlmon_dagster.adapters.tables import arrays_of
    from mlmon_dagster.drift.multivariate.joint import Learned
    from mlmon_dagster.drift.multivariate.judging import chosen, is_joint, judge_joint

    if not is_joint(monitor):
        return ()
    before, now = (arrays_of(table) for table in tables)
    names = tuple(before)
    learned = monitor.method.learn(chosen(monitor, before, names))
    kept = Learned({"rows": tables[0].num_rows, **learned.about}, learned.arrays)
    return (judge_joint(kept, chosen(monitor, now, names), monitor).drift,)


def _from_profiles(monitor: Any, reference: "Profile", window: "Profile") -> "tuple[Drift, ...]":
    """The same of two profiles with a covariance."""
    from mlmon_dagster.drift.multivariate.judging import is_joint, judge_covariances

    return (judge_covariances(reference, window, monitor).drift,) if is_joint(monitor) else ()


def _is_joint(method: str) -> bool:
    from mlmon_dagster import plugins

    return method in plugins.names("joint")


def _digest(columns: Any) -> str | None:
    """Of the window's content; an empty window has none."""
    from mlmon_dagster.drift.profile import Profile

    return Profile.of(columns, exact=True).digest if any(one.rows for one in columns.values()) else None
