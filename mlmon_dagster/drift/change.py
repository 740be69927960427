"""What has changed in a column, in the words of a person who has not heard of distances."""

from dataclasses import dataclass

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.histogram import label
from mlmon_dagster.drift.method import quantiles

LEVELS = {0.5: "median", 0.05: "5% quantile", 0.95: "95% quantile"}
CLEAR = 0.3
"""A move of the median, in standard deviations, that needs no other words."""

NOTABLE = 0.02
"""A change of a share that is worth a word."""


@dataclass(frozen=True)
class _Shift:
    size: float
    words: str


def change(reference: Column, window: Column) -> str:
    """The largest change between both, as one phrase; empty where nothing can be said.

    >>> change(Column.of("x", [1.0, 2.0, 3.0]), Column.of("x", [7.0, 8.0, 9.0]))
    'the median went from 2 to 8'
    >>> change(Column.of("x", ["a", "b"]), Column.of("x", ["a", "c"]))
    "'b' went from 50% to 0% of rows, 'c' is new with 50%"
    """
    phrases = [_gaps(reference, window)]
    if reference.present and window.present:
        phrases.insert(0, _ordered(reference, window) if reference.ordered else _categories(reference, window))
    return ", ".join(phrase for phrase in phrases if phrase)


def _ordered(reference: Column, window: Column) -> str:
    """The median where it moved clearly, else the spread where it changed clearly, else the quantile furthest off."""
    levels = sorted({*LEVELS, 0.25, 0.75})
    before, now = (dict(zip(levels, quantiles(one, levels).tolist(), strict=True)) for one in (reference, window))
    scale = (before[0.95] - before[0.05]) / 3.29 or reference.std or abs(before[0.5]) or 1.0
    shifts = [
        _Shift(
            abs(float(now[level]) - float(before[level])) / scale,
            f"the {name} went from {_said(before[level], reference)} to {_said(now[level], reference)}",
        )
        for level, name in LEVELS.items()
    ]
    if shifts[0].size >= CLEAR:
        return shifts[0].words
    spreads = [float(one[0.75] - one[0.25]) for one in (before, now)]
    if reference.kind == "numeric" and min(spreads) > 0 and not 2 / 3 < spreads[1] / spreads[0] < 1.5:
        return f"its middle half spans {label(spreads[1], 'numeric')} instead of {label(spreads[0], 'numeric')}"
    largest = max(shifts, key=lambda shift: shift.size)
    return largest.words if largest.size else ""


def _categories(reference: Column, window: Column) -> str:
    values = np.union1d(reference.values, window.values)
    p, q = (_shares(one, values) for one in (reference, window))
    known = np.isin(values, reference.values)
    phrases = []
    moved = np.where(known, np.abs(q - p), -1.0)
    if moved.max() >= NOTABLE:
        place = int(moved.argmax())
        phrases.append(
            f"{_quoted(values[place], reference)} went from {_percent(p[place])} to {_percent(q[place])} of rows"
        )
    new = q[~known]
    if len(new) == 1:
        phrases.append(f"{_quoted(values[~known][0], reference)} is new with {_percent(float(new[0]))}")
    elif len(new):
        largest = _quoted(values[~known][int(new.argmax())], reference)
        phrases.append(f"{len(new)} categories are new with {_percent(float(new.sum()))} (such as {largest})")
    return ", ".join(phrases)


def _gaps(reference: Column, window: Column) -> str:
    before, now = (1 - one.present / one.rows if one.rows else 0.0 for one in (reference, window))
    return f"{_percent(now)} of rows have no value, {_percent(before)} before" if abs(now - before) >= NOTABLE else ""


def _shares(
    column: Column, values: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]"
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    shares = np.zeros(len(values))
    shares[np.searchsorted(values, column.values)] = column.counts / column.present
    return shares


def _said(value: object, column: Column) -> str:
    return label(value, column.kind)


def _quoted(value: object, column: Column) -> str:
    said = label(value.item() if isinstance(value, np.generic) else value, column.kind)
    return repr(said[:40]) if column.kind == "categorical" else said


def _percent(share: float) -> str:
    return f"{share:.1%}".replace(".0%", "%")
