"""The page: what was compared, the verdict, every column with its numbers, plots and reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from mlmon_dagster.adapters.report import plots
from mlmon_dagster.adapters.report.style import STYLE
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.histogram import histogram, label
from mlmon_dagster.drift.method import quantiles
from mlmon_dagster.drift.monitor import SEVERITY, Drift, verdict_of
from mlmon_dagster.errors import UnavailableError

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page may load and run nothing: what it shows is in it."""


Sides = tuple[Mapping[str, Column], Mapping[str, Column]]
"""Columns of the reference, and of the window."""


@dataclass(frozen=True)
class Trend:
    """What one monitor measured on one column, window by window, oldest first."""

    windows: tuple[str, ...]
    values: tuple[float | None, ...]
    thresholds: tuple[float | None, ...]


@dataclass(frozen=True)
class Report:
    """Everything that a report shows. Nothing in it is trusted: every text is escaped."""

    title: str
    facts: Mapping[str, str]
    """What was compared: name -> value."""
    reference: Mapping[str, Column]
    window: Mapping[str, Column]
    judged: Sequence[Drift]
    trends: Mapping[tuple[str, str], Trend] = field(default_factory=dict)
    """(monitor, metric) -> its past, where windows are recorded."""
    segments: Mapping[str, Sides] = field(default_factory=dict)
    """Segment -> reference and window of its rows, where columns were judged in segments."""

    def sides(self, segment: str | None) -> Sides:
        """The columns of all rows, or of a segment's."""
        return (self.reference, self.window) if segment is None else self.segments.get(segment, ({}, {}))

    @property
    def html(self) -> str:
        """The whole page, the same bytes for the same content."""
        head = (
            f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY, quote=True)}">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style>"
        )
        return (
            f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{_header(self)}\n'
            f"<main>{_overview(self)}\n{_details(self)}</main>\n{FOOTER}</body></html>\n"
        )


FOOTER = (
    '<footer class="soft"><p>A column has drifted when its distance is above the threshold and chance alone does not '
    "explain it in so many rows. Missing evidence is never green. Grey is the reference, blue the window.</p></footer>"
)


def write_report(html: str, path: str | Path) -> None:
    """Writes the page as one file, whole or not at all."""
    target = Path(path)
    hidden = target.with_name(f".{target.name}.part")
    try:
        try:
            hidden.write_text(html, encoding="utf-8")
            hidden.replace(target)
        finally:
            hidden.unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(f"the report cannot be written to {target}: {error.strerror or error}") from error


def summary(judged: Sequence[Drift]) -> str:
    """The verdict of all columns in one sentence."""
    verdict, columns = verdict_of(one.verdict for one in judged), dict.fromkeys(one.title for one in judged)
    if verdict == "ok":
        return f"no drift in {len(columns)} column{'s' * (len(columns) != 1)}"
    found = dict.fromkeys(one.title for one in judged if one.verdict == verdict)
    said = {
        "drift": "drift in", "error": "an error in", "insufficient": "too little to say in", "no_data": "no data in",
    }[verdict]  # fmt: skip
    return f"{said} {len(found)} of {len(columns)} columns: {', '.join(found)}" if columns else "nothing was judged"


def _header(report: Report) -> str:
    verdict = verdict_of(one.verdict for one in report.judged)
    said = summary(report.judged)
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in report.facts.items())
    return (
        f'<header><h1>{escape(report.title)}</h1><p class="verdict {verdict}">{escape(said[:1].upper() + said[1:])}</p>'
        f"<dl>{facts}</dl></header>"
    )


def _columns(report: Report) -> dict[str, list[Drift]]:
    """Judgements by column, each segment's apart, the worst column first."""
    found: dict[str, list[Drift]] = {}
    for one in report.judged:
        found.setdefault(one.title, []).append(one)
    return dict(sorted(found.items(), key=lambda item: max(map(_weight, item[1])), reverse=True))


def _weight(one: Drift) -> tuple[int, float]:
    return SEVERITY.index(one.verdict), (one.value or 0.0) / one.threshold if one.threshold else 0.0


def _overview(report: Report) -> str:
    heads = ("column", "monitor", "method", "distance", "threshold", "p", "verdict", "distribution")
    numbers = {"distance", "threshold", "p"}
    head = "".join(f'<th scope="col"{_number(name in numbers)}>{name}</th>' for name in heads)
    rows = "".join(
        _overview_row(report, place, one) for place, judged in enumerate(_columns(report).values()) for one in judged
    )
    return (
        f'<section aria-labelledby="all"><h2 id="all">All columns</h2><div class="scroll"><table>'
        f"<caption>One line for each column and monitor, the worst first</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _overview_row(report: Report, place: int, one: Drift) -> str:
    reference, window = (side.get(one.column) for side in report.sides(one.segment))
    drawn = plots.spark(one.column, histogram(reference, window, 12)) if _both(reference, window) else ""  # type: ignore[arg-type]
    cells = [
        f'<th scope="row"><a href="#c{place}">{escape(one.title)}</a></th><td>{escape(one.monitor)}</td>'
        f"<td>{escape(one.method)}</td>"
    ]
    cells += [f"<td{_number(True)}>{_said(number)}</td>" for number in (one.value, one.threshold, one.p_value)]
    cells += [f'<td class="verdict {one.verdict}">{escape(one.verdict)}</td><td>{drawn}</td>']
    return f"<tr>{''.join(cells)}</tr>"


def _details(report: Report) -> str:
    articles = [_article(report, place, judged) for place, judged in enumerate(_columns(report).values())]
    return f'<section aria-labelledby="each"><h2 id="each">Column by column</h2>{"".join(articles)}</section>'


def _article(report: Report, place: int, judged: Sequence[Drift]) -> str:
    name, segment = judged[0].column, judged[0].segment
    reference, window = (side.get(name) for side in report.sides(segment))
    verdict = verdict_of(one.verdict for one in judged)
    reasons = "".join(f'<p>{escape(one.reason)} <span class="soft">({_unit(one)})</span></p>' for one in judged)
    shown, binned = _plots(name, reference, window) if reference and window and _both(reference, window) else ("", "")
    past = "".join(
        f"<figure>{drawn}<figcaption>{escape(f'{one.monitor}: {one.method} over windows')}</figcaption></figure>"
        for one in judged
        if (found := report.trends.get((one.monitor, one.metric)))
        and (drawn := plots.trend(f"{name}, {one.method}", found.windows, found.values, found.thresholds))
    )
    numbers = _numbers(reference, window) if reference and window else ""
    return (
        f'<article id="c{place}" aria-labelledby="h{place}"><header><h3 id="h{place}">{escape(judged[0].title)}</h3>'
        f'<span class="verdict {verdict}">{escape(verdict)}</span></header>{reasons}'
        f'<div class="plots">{shown}{past}</div>{binned}{numbers}</article>'
    )


def _plots(name: str, reference: Column, window: Column) -> tuple[str, str]:
    """The figures, and the table that says the same to who cannot see them."""
    found = histogram(reference, window)
    keys = '<span class="key reference"></span>reference<span class="key window"></span>window'
    figures = [f"<figure>{plots.bars(name, found)}<figcaption>{keys}: share of rows with a value</figcaption></figure>"]
    if reference.ordered and (drawn := plots.curves(name, reference, window)):
        figures.append(f"<figure>{drawn}<figcaption>share of rows at or below a value</figcaption></figure>")
    cells = "".join(
        f'<tr><th scope="row">{escape(text)}</th>'
        f"<td{_number(True)}>{before:.2%}</td><td{_number(True)}>{now:.2%}</td></tr>"
        for text, before, now in zip(found.labels, found.reference, found.window, strict=True)
    )
    table = (
        '<details><summary>The plot as numbers</summary><table><thead><tr><th scope="col">bin</th>'
        f'<th scope="col"{_number(True)}>reference</th><th scope="col"{_number(True)}>window</th></tr></thead>'
        f"<tbody>{cells}</tbody></table></details>"
    )
    return "".join(figures), table


def _numbers(reference: Column, window: Column) -> str:
    sides = (reference, window)
    rows = [
        ("rows", [f"{one.rows:,}" for one in sides]),
        ("missing", [f"{one.missing / one.rows:.2%}" if one.rows else "" for one in sides]),
    ]
    if any(one.infinite for one in sides):
        rows.append(("infinite", [f"{one.infinite:,}" for one in sides]))
    if reference.kind == "numeric" and window.kind == "numeric":
        rows += [
            ("mean", [_said(one.mean if one.present else None) for one in sides]),
            ("standard deviation", [_said(one.std if one.present else None) for one in sides]),
        ]
    if reference.ordered and window.ordered:
        found = [quantiles(one, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]).tolist() if one.present else None for one in sides]
        names = ("minimum", "5% quantile", "25% quantile", "median", "75% quantile", "95% quantile", "maximum")
        rows += [
            (name, [label(side[place], reference.kind) if side else "" for side in found])
            for place, name in enumerate(names)
        ]
    else:
        rows.append(("distinct values", [f"{len(one.values):,}" for one in sides]))
    body = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td{_number(True)}>{escape(cell)}</td>" for cell in cells)}</tr>'
        for name, cells in rows
    )
    return (
        '<details><summary>In numbers</summary><table><thead><tr><th scope="col"></th>'
        f'<th scope="col"{_number(True)}>reference</th><th scope="col"{_number(True)}>window</th></tr></thead>'
        f"<tbody>{body}</tbody></table></details>"
    )


def _both(reference: Column | None, window: Column | None) -> bool:
    return (
        reference is not None
        and window is not None
        and reference.kind == window.kind
        and bool(reference.present or window.present)
    )


def _unit(one: Drift) -> str:
    bounds = f", {one.measure.certainty}" if one.measure and not one.measure.exact else ""
    return escape(f"{one.monitor}, in {one.unit}{bounds}; {one.rows_window:,} rows against {one.rows_reference:,}")


def _said(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _number(yes: bool) -> str:
    return ' class="number"' if yes else ""
