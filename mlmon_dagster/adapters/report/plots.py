"""Plots as inline SVG: colours come from the page, every mark says in words what it shows."""

from collections.abc import Sequence
from html import escape

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.histogram import Histogram, label
from mlmon_dagster.drift.method import quantiles

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 230, 46, 44, 12
POINTS = 80
"""Places at which a cumulative curve is drawn."""


def bars(name: str, found: Histogram) -> str:
    """Shares of both sides, bin by bin."""
    highest = max(*found.reference, *found.window, 1e-9)
    step = (WIDTH - LEFT) / len(found.labels)
    marks = []
    for place, (text, before, now) in enumerate(zip(found.labels, found.reference, found.window, strict=True)):
        left = LEFT + place * step
        marks.append(_bar("reference", left + step * 0.08, step * 0.4, before, highest, f"{text}: {_share(before)}"))
        marks.append(_bar("window", left + step * 0.52, step * 0.4, now, highest, f"{text}: {_share(now)}"))
    shown = _bin_ticks(found, step)
    return _svg(f"{name}: shares of reference and window by bin", [*_grid(highest), *marks, *shown])


def curves(name: str, reference: Column, window: Column) -> str:
    """Share of rows at or below each value, both sides; empty where a side has no value."""
    if not reference.present or not window.present:
        return ""
    ends = [quantiles(column, [0.002, 0.998]) for column in (reference, window)]
    low, high = float(min(end[0] for end in ends)), float(max(end[1] for end in ends))
    if low == high:
        return ""
    at = np.linspace(low, high, POINTS)
    lines = [
        _line(side, [(_across(x, low, high), _down(y, 1.0)) for x, y in zip(at, _at_most(column, at), strict=True)])
        for side, column in (("reference", reference), ("window", window))
    ]
    ticks = [
        _text(
            _across(x, low, high),
            HEIGHT - BOTTOM + 18,
            label(int(x) if reference.kind == "datetime" else x, reference.kind),
        )
        for x in np.linspace(low, high, 5).tolist()
    ]
    return _svg(f"{name}: cumulative share of reference and window", [*_grid(1.0), *lines, *ticks])


def spark(name: str, found: Histogram) -> str:
    """A histogram in the width of a table cell."""
    highest, width, height = max(*found.reference, *found.window, 1e-9), 120, 28
    step = width / len(found.labels)
    marks = []
    for place, (before, now) in enumerate(zip(found.reference, found.window, strict=True)):
        for side, share, shift in (("reference", before, 0.05), ("window", now, 0.5)):
            tall = share / highest * height
            marks.append(
                f'<rect class="{side}" x="{place * step + step * shift:.1f}" y="{height - tall:.1f}" '
                f'width="{step * 0.42:.1f}" height="{tall:.1f}"/>'
            )
    said = escape(f"{name}: distribution of reference and window", quote=True)
    return f'<svg class="spark" viewBox="0 0 {width} {height}" role="img" aria-label="{said}">{"".join(marks)}</svg>'


def trend(name: str, windows: Sequence[str], values: Sequence[float | None], thresholds: Sequence[float | None]) -> str:
    """A distance over windows with the threshold that it was judged by; a window without a number is a gap."""
    numbers = [value for value in (*values, *thresholds) if value is not None]
    if len(windows) < 2 or not numbers:
        return ""
    lowest, highest = min(0.0, *numbers) * 1.05, max(0.0, *numbers) * 1.05
    if lowest == highest:
        highest = 1.0
    step = (WIDTH - LEFT - 10) / (len(windows) - 1)
    places = [LEFT + place * step for place in range(len(windows))]
    marks = [
        _line(side, [(x, _down(y, highest, lowest)) for x, y in run])
        for side, series in (("limit", thresholds), ("window", values))
        for run in _runs(places, series)
    ]
    marks += [
        f'<circle class="window{" over" if limit is not None and value > limit else ""}" cx="{x:.1f}" '
        f'cy="{_down(value, highest, lowest):.1f}" r="3"><title>{escape(f"{key}: {value:.4g}")}</title></circle>'
        for key, x, value, limit in zip(windows, places, values, thresholds, strict=True)
        if value is not None
    ]
    shown = sorted({0, len(windows) // 2, len(windows) - 1})
    ticks = [_text(min(places[place], WIDTH - 34), HEIGHT - BOTTOM + 18, windows[place]) for place in shown]
    return _svg(f"{name} over windows, with its threshold", [*_grid(highest, lowest, share=False), *marks, *ticks])


def compact(value: float) -> str:
    """A number in at most six characters.

    >>> compact(105432.1), compact(-0.05277), compact(2_500_000.0), compact(0.0)
    ('105k', '-0.053', '2.5M', '0')
    """
    size = abs(value)
    for unit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{value / unit:.3g}{suffix}" if size < 1000 * unit else f"{value:.0e}"
    return f"{value:.2g}" if size < 1 else f"{value:.3g}"


def _svg(title: str, marks: Sequence[str]) -> str:
    said = escape(title, quote=True)
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}"><title>{said}</title>'
        f"{''.join(marks)}</svg>"
    )


def _bar(side: str, left: float, width: float, share: float, highest: float, said: str) -> str:
    top = _down(share, highest)
    return (
        f'<rect class="{side}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
        f'height="{HEIGHT - BOTTOM - top:.1f}"><title>{escape(f"{side}, {said}")}</title></rect>'
    )


def _line(side: str, points: Sequence[tuple[float, float]]) -> str:
    return f'<polyline class="line {side}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def _grid(highest: float, lowest: float = 0.0, *, share: bool = True) -> list[str]:
    marks = []
    for value in (lowest, (lowest + highest) / 2, highest):
        y = _down(value, highest, lowest)
        marks.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        said = _share(value) if share else compact(value)
        marks.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{said}</text>')
    return marks


def _bin_ticks(found: Histogram, step: float) -> list[str]:
    """Every label where a bin is a value, the cuts between the bins where it is a range; as many as have room."""
    if not found.edges:
        every = -(-len(found.labels) // 8)
        shown = range(0, len(found.labels), every)
        return [_text(LEFT + (place + 0.5) * step, HEIGHT - BOTTOM + 18, found.labels[place]) for place in shown]
    every = -(-len(found.edges) // 6)
    return [
        _text(LEFT + (place + 1) * step, HEIGHT - BOTTOM + 18,
              label(int(found.edges[place]) if found.kind == "datetime" else found.edges[place], found.kind))
        for place in range(0, len(found.edges), every)
    ]  # fmt: skip


def _text(x: float, y: float, said: str) -> str:
    short = said if len(said) <= 16 else said[:15] + "…"
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(short)}</text>'


def _runs(places: Sequence[float], values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, value in zip(places, values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((x, value))
    return [run for run in runs if run]


def _at_most(column: Column, at: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[float]:
    cumulated = np.concatenate([[0], np.cumsum(column.counts)])
    found: list[float] = (cumulated[np.searchsorted(column.values, at, side="right")] / column.present).tolist()
    return found


def _across(value: float, low: float, high: float) -> float:
    return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - 34)


def _down(value: float, highest: float, lowest: float = 0.0) -> float:
    return TOP + (highest - value) / (highest - lowest) * (HEIGHT - BOTTOM - TOP)


def _share(value: float) -> str:
    return f"{value:.1%}"
