"""`mlmon profile`: make, look into, add up and compare the summaries that are kept of data instead of its rows."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _output as output
from mlmon_dagster.cli._engine import engine_of, engine_option

if TYPE_CHECKING:
    from mlmon_dagster.drift.column import Column
    from mlmon_dagster.drift.covariance import Covariance
    from mlmon_dagster.drift.estimation.estimate import Estimate
    from mlmon_dagster.drift.profile import Profile
    from mlmon_dagster.drift.scores import Scores

SHOWN = ("column", "method", "value", "unit", "p_value", "certainty", "effect", "effective_rows")
"""Keys of a measure that the table shows."""

SHOWN_PAIRS = 10
"""Pairs of columns that `show` lists."""

out_option = click.option("--out", required=True, metavar="FILE", help="Where the profile is written.")


@click.group("profile", short_help="Make, show, merge and compare profiles of data.")
def command() -> None:
    """Work with profiles: what is kept of a reference instead of its rows.

    \b
    mlmon profile build sales/ --out sales.profile
    mlmon profile build week.parquet --like sales.profile --out week.profile
    mlmon profile diff sales.profile week.profile
    """


@command.command("build")
@click.argument("rows")
@out_option
@click.option("--like", metavar="PROFILE", help="Count on this profile's grids, so that both compare and add up.")
@click.option("--exact", is_flag=True, help="Keep every distinct value.")
@click.option("--covariance", is_flag=True, help="Keep how the columns of numbers go together.")
@click.option(
    "--scores", multiple=True, metavar="SCORE=LABEL", help="Keep how scores go with their labels (may be repeated)."
)
@click.option("--columns", metavar="A,B", help="Only these columns.")
@engine_option
@click.option("--query", metavar="SQL", help="Which rows, for an engine that knows SQL; files are the table `rows`.")
@output.json_option
def build(
    rows: str,
    out: str,
    like: str | None,
    exact: bool,
    covariance: bool,
    scores: tuple[str, ...],
    columns: str | None,
    engine: str | None,
    query: str | None,
    as_json: bool,
) -> int:
    """Profile ROWS: a file, folder or glob, a URL, or - (stdin). Parquet of any size takes little memory.

    With --engine also databases, queries and files of other formats of any size.
    """
    from mlmon_dagster.adapters.profiles import Asked, build_profile, build_profile_by
    from mlmon_dagster.ports import Rows

    names = [name.strip() for name in columns.split(",") if name.strip()] if columns else None
    if like and exact:
        raise click.UsageError("--like and --exact exclude each other: a profile keeps what the other one keeps")
    if like and (covariance or scores):
        raise click.UsageError("--like keeps what the other profile keeps: leave --covariance and --scores out")
    asked = Asked(covariance, dict(_labelled(one) for one in scores))
    if query and not engine:
        raise click.UsageError("--query needs an --engine that knows SQL, such as duckdb")
    other = _read(like) if like else None
    if engine:
        given = Rows(place=rows, query=query)
        made = build_profile_by(engine_of(engine), given, names, like=other, exact=exact, parts=asked)
    else:
        made = build_profile(rows, names, like=other, exact=exact, parts=asked)
    _write(made, out, as_json)
    return 0


@command.command("show")
@click.argument("profile")
@output.json_option
def show(profile: str, as_json: bool) -> int:
    """Show what a PROFILE keeps of each column: a file, or that of a registered model version, models:/NAME/1."""
    found = _read(profile)
    if as_json:
        columns = [_column(one) for one in found.columns.values()]
        scores = [_scored(name, one) for name, one in found.scores.items()]
        parts = {"covariance": _pairs(found.covariance), "scores": scores or None}
        output.document(_about(found, profile) | {"columns": columns, **parts})
        return 0
    heads = ("column", "kind", "rows", "missing", "mean", "std", "low", "high", "kept")
    lines = [[_shown(value) for value in _column(one).values()] for one in found.columns.values()]
    size = len(found.to_bytes())
    output.table(f"{found.rows:,} rows, {size:,} bytes, digest {found.digest[:12]}", heads, lines, empty="no column")
    _show_pairs(found.covariance)
    _show_scores(found)
    return 0


@command.command("merge")
@click.argument("profiles", nargs=-1, required=True)
@out_option
@output.json_option
def merge(profiles: tuple[str, ...], out: str, as_json: bool) -> int:
    """Add PROFILES up; they are exact, or made --like the same one. The order does not change a byte."""
    from mlmon_dagster.drift.profile import merge_all

    _write(merge_all([_read(one) for one in profiles]), out, as_json)
    return 0


@command.command("diff")
@click.argument("reference")
@click.argument("window")
@click.option("--method", "methods", multiple=True, metavar="NAME", help="Only this method (may be repeated).")
@output.json_option
def diff(reference: str, window: str, methods: tuple[str, ...], as_json: bool) -> int:
    """Measure how far WINDOW (a profile, or rows) lies from REFERENCE (a profile), by every method.

    Where both keep a covariance, also by the joint methods that it is enough for; where they keep scores, with the
    performance of both, estimated where the window has no labels. Nothing is judged: for verdicts use `mlmon drift`.
    """
    from mlmon_dagster.adapters.profiles import build_profile, is_profile

    before = _read(reference)
    now = _read(window) if is_profile(window) else build_profile(window, list(before.columns), like=before)
    single, joint = _known(methods)
    found = before.compare(now.columns, single)
    rows = [_measure(column, name, one) for column, measures in found.items() for name, one in measures.items()]
    rows += _joint_measures(before, now, joint, asked=bool(methods))
    if as_json:
        sides = {"reference": _about(before, reference), "window": _about(now, window)}
        output.document({**sides, "measures": rows, "performance": _performances(before, now)})
        return 0
    heads = ("column", "method", "value", "unit", "p", "certainty", "effect", "rows")
    lines = [[_shown(row[key]) for key in SHOWN] for row in rows]
    output.table(f"{before.rows:,} reference rows, {now.rows:,} in the window", heads, lines, empty="no column")
    _show_performances(_performances(before, now))
    return 0


def _labelled(text: str) -> tuple[str, str]:
    score, _, label = text.partition("=")
    if not score or not label:
        raise click.UsageError(f"--scores: {text!r} names no label, expected SCORE=LABEL such as prediction=price")
    return score, label


def _scored(name: str, scores: "Scores") -> dict[str, Any]:
    """What labels say of one column of scores."""
    metrics = {metric: {"value": one.value, "certainty": one.certainty} for metric, one in scores.performance().items()}
    return {
        "score": name,
        "label": scores.label.name,
        "classes": list(scores.classes) or None,
        "rows": scores.rows,
        "unlabelled": scores.unlabelled,
        "unscored": scores.unscored,
        "performance": metrics,
    }


def _show_scores(profile: "Profile") -> None:
    if not profile.scores:
        click.echo("scores with labels: not kept")
    for name, scores in profile.scores.items():
        about = _scored(name, scores)
        kinds = f"classes {', '.join(map(str, scores.classes))}" if scores.classes else "a number"
        told = f"{name} beside {about['label']} ({kinds}): {about['rows']:,} rows with both"
        lines = [(metric, _shown(one["value"]), one["certainty"]) for metric, one in about["performance"].items()]
        click.echo(f"\n{told}")
        output.table("", ("metric", "value", "certainty"), lines, empty="no metric has a meaning for them")


def _performances(before: "Profile", now: "Profile") -> list[dict[str, Any]] | None:
    """Every metric of every column of scores on both sides; None where the reference keeps none."""
    from mlmon_dagster.drift.estimation.binned import estimate
    from mlmon_dagster.errors import DataError

    rows: list[dict[str, Any]] = []
    for name, scores in before.scores.items():
        own, window = scores.performance(), now.scores.get(name)
        if window is not None and window.rows:
            found = {
                metric: {"value": one.value, "low": one.low, "high": one.high, "how": "measured"}
                for metric, one in window.performance().items()
            }
        else:
            try:
                if name not in now.columns:
                    raise DataError(f"the window has no column {name!r} with its scores")
                estimates = estimate(scores, now.columns[name])
            except DataError as error:
                estimates = {}
                rows.append({"score": name, "metric": "", "reference": None, "value": None, "how": error.message})
            found = {
                metric: {"value": one.value, "low": one.low, "high": one.high, "how": _believed(one)}
                for metric, one in estimates.items()
            }
        rows += [
            {"score": name, "metric": metric, "reference": own[metric].value if metric in own else None, **one}
            for metric, one in found.items()
        ]
    return rows if before.scores else None


def _believed(estimate: "Estimate") -> str:
    return "estimated" if estimate.believed else f"estimated, do not believe it: {estimate.doubt}"


def _show_performances(rows: list[dict[str, Any]] | None) -> None:
    if rows is None:
        return
    heads = ("score", "metric", "reference", "value", "low", "high", "how")
    lines = [[_shown(row.get(key)) for key in heads] for row in rows]
    click.echo("\nperformance")
    output.table("", ("score", "metric", "reference", "window", "low", "high", "how"), lines, empty="none")


def _known(methods: Sequence[str]) -> tuple[list[str] | None, list[str]]:
    """Methods of single columns (None for all) and joint ones that compare covariances."""
    from mlmon_dagster import plugins

    able = [name for name in plugins.names("joint") if hasattr(plugins.load("joint", name), "compare")]
    for name in methods:
        if name not in able:
            plugins.load("method", name)
    if not methods:
        return None, able
    return [name for name in methods if name not in able], [name for name in methods if name in able]


def _joint_measures(before: "Profile", now: "Profile", names: Sequence[str], *, asked: bool) -> list[dict[str, Any]]:
    """A row for each joint method; none where a side keeps no covariance, unless the method was asked for."""
    from mlmon_dagster.drift.monitor import parse_monitor
    from mlmon_dagster.drift.multivariate.judging import judge_covariances
    from mlmon_dagster.errors import InputError

    if not asked and (before.covariance is None or now.covariance is None):
        return []
    rows = []
    for name in names:
        drift = judge_covariances(before, now, parse_monitor(name, {"columns": "all", "minimum_rows": 1})).drift
        if drift.value is None and asked:
            raise InputError(drift.reason)
        if drift.value is not None:
            rows.append(
                {
                    "column": drift.column,
                    "method": name,
                    "version": 1,
                    "value": drift.value,
                    "unit": drift.unit,
                    "p_value": _finite(drift.p_value),
                    "certainty": "exact",
                    **dict.fromkeys(("low", "high", "raw", "effect", "effective_rows")),
                }
            )
    return rows


def _pairs(covariance: "Covariance | None") -> list[dict[str, Any]] | None:
    """Every pair of columns with its correlation and rows; None for a profile that keeps no covariance."""
    if covariance is None:
        return None
    correlations, names = covariance.correlations, covariance.names
    pairs = [
        {
            "columns": [names[one], names[two]],
            "rows": int(covariance.rows[one, two]),
            "correlation": _finite(float(correlations[one, two])),
        }
        for one, two in combinations(range(len(names)), 2)
    ]
    return sorted(pairs, key=lambda pair: -abs(pair["correlation"] or 0.0))


def _show_pairs(covariance: "Covariance | None") -> None:
    pairs = _pairs(covariance)
    if pairs is None:
        click.echo("covariance: not kept")
        return
    lines = [
        (*pair["columns"], _shown(pair["correlation"]) if pair["correlation"] is not None else "none", pair["rows"])
        for pair in pairs[:SHOWN_PAIRS]
    ]
    told = f"covariance of {len(covariance.names)} columns; the strongest correlations"  # type: ignore[union-attr]
    click.echo(f"\n{told}")
    output.table("", ("column", "and", "correlation", "rows"), lines, empty="no pair")


def _measure(column: str, name: str, measure: Any) -> dict[str, Any]:
    from mlmon_dagster import plugins

    method = plugins.load("method", name)
    bounds = {key: _finite(getattr(measure, key)) for key in ("low", "high", "raw", "effect", "effective_rows")}
    return {
        "column": column,
        "method": name,
        "version": method.version,  # type: ignore[attr-defined]
        "value": _finite(measure.value),
        "unit": method.unit,  # type: ignore[attr-defined]
        "p_value": _finite(measure.p_value),
        "certainty": measure.certainty,
        **bounds,
    }


def _read(file: str) -> "Profile":
    from mlmon_dagster.cli import _profiles as profiles

    return profiles.read(file)


def _write(profile: "Profile", out: str, as_json: bool) -> None:
    from mlmon_dagster.adapters.profiles import write_profile

    size = write_profile(profile, out)
    if as_json:
        output.document(_about(profile, out) | {"bytes": size})
    else:
        click.echo(f"{out}: {profile.rows:,} rows, {len(profile.columns)} columns, {size:,} bytes")


def _about(profile: "Profile", path: str) -> dict[str, Any]:
    return {"path": path, "rows": profile.rows, "digest": profile.digest, "exact": profile.exact}


def _column(column: "Column") -> dict[str, Any]:
    values = column.ascending
    ends = [values[0].item(), values[-1].item()] if column.ordered and len(values) else [None, None]
    if column.bins is not None:
        ends = [column.bins.low, column.bins.high]
    kept = "every value" if column.exact and not column.other else f"{len(values):,} categories and the rest"
    return {
        "name": column.name,
        "kind": column.kind,
        "rows": column.rows,
        "missing": column.missing + column.infinite,
        "mean": _finite(column.mean) if column.ordered else None,
        "std": _finite(column.std) if column.ordered else None,
        "low": ends[0],
        "high": ends[1],
        "kept": f"{len(values):,} bins" if column.bins is not None else kept,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)
