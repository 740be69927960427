"""Reference and window in common bins, for the eye: what a plot or a sparkline draws, never what a method measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mlmon_dagster.drift.column import Array, Column, Kind
from mlmon_dagster.drift.method import quantiles

BINS = 16
"""Bins of a plot unless somebody asks for another number."""

CORE = (0.005, 0.995)
"""Quantiles between which an ordered column is cut: what lies outside joins the outermost bins and hides nothing."""

OTHERS = "others"


@dataclass(frozen=True)
class Histogram:
    """Shares of the rows with a value, in bins that both sides share; each side sums to 1, or is 0 without any value.

    `edges` stand between the bins of an ordered column (one less than bins; nanoseconds for moments) and are empty
    where every bin is one value or one category.
    """

    kind: Kind
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]
    edges: tuple[float, ...] = ()


def histogram(reference: Column, window: Column, bins: int = BINS) -> Histogram:
    """Both columns in at most `bins` common bins.

    Few distinct values have a bin each. Ordered columns are otherwise cut evenly over what both sides mostly hold
    (quantiles .005 to .995), categories by their share: the most frequent of either side, and the `others` together.

    >>> histogram(Column.of("x", [1, 1, 2]), Column.of("x", [2, 2, 3])).window
    (0.0, 0.6666666666666666, 0.3333333333333333)
    """
    values = np.union1d(_held(reference), _held(window)) if reference.present and window.present else _held(
        reference if reference.present else window
    )  # fmt: skip
    if len(values) <= bins:
        edges = ()
        labels = tuple(label(value, reference.kind) for value in values.tolist())
        counts = [_of_values(column, values) for column in (reference, window)]
    elif reference.ordered:
        cuts = _cuts(reference, window, bins)
        edges = tuple(cuts.tolist())
        labels = _ranges(cuts.tolist(), reference.kind)
        counts = [_binned(column, cuts) for column in (reference, window)]
    else:
        edges = ()
        labels, counts = _frequent(reference, window, values, bins)
    p, q = (tuple((one / max(one.sum(), 1)).tolist()) for one in counts)
    return Histogram(reference.kind, labels, p, q, edges)


def label(value: object, kind: Kind) -> str:
    """One value as a person reads it."""
    if kind == "datetime":
        return str(np.datetime64(int(str(value)), "ns").astype("datetime64[m]")).replace("T00:00", "")
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "numeric" and isinstance(value, int | float):
        return number_text(value)
    return str(value)


def number_text(value: float) -> str:
    """Four digits that count, without an exponent where people write none.

    >>> number_text(95052.52), number_text(0.0528), number_text(3e-9), number_text(21613)
    ('95,050', '0.0528', '3e-09', '21,613')
    """
    if isinstance(value, int):
        return f"{value:,}" if 10_000 <= abs(value) < 10**12 else str(value)
    return f"{float(f'{value:.4g}'):,.0f}" if 10_000 <= abs(value) < 1e12 else f"{value:.4g}"


def _held(column: Column) -> Array:
    """Values that rows have: of a column in bins these are the ends of bins that are not empty."""
    return column.values if column.weights is None else column.values[column.counts > 0]


def _cuts(reference: Column, window: Column, bins: int) -> Array:
    sides = [quantiles(column, CORE) for column in (reference, window) if column.present]
    low, high = float(min(side[0] for side in sides)), float(max(side[1] for side in sides))
    if low == high:
        return np.array([low])
    return np.linspace(low, high, bins + 1)[1:-1]


def _binned(column: Column, cuts: Array) -> Array:
    return np.bincount(
        np.searchsorted(cuts, column.values, side="left"), weights=column.counts, minlength=len(cuts) + 1
    )


def _of_values(column: Column, values: Array) -> Array:
    counts = np.zeros(len(values))
    held = column.counts > 0
    counts[np.searchsorted(values, column.values[held])] = column.counts[held]
    return counts


def _frequent(reference: Column, window: Column, values: Array, bins: int) -> tuple[tuple[str, ...], list[Array]]:
    both = [_of_values(column, values) for column in (reference, window)]
    shares = np.maximum(*(counts / max(counts.sum(), 1) for counts in both))
    kept = np.sort(np.argsort(-shares, kind="stable")[: bins - 1])
    kept = kept[np.argsort(-both[0][kept], kind="stable")]
    labels = (*(label(value, reference.kind) for value in values[kept].tolist()), OTHERS)
    return labels, [np.append(counts[kept], counts.sum() - counts[kept].sum()) for counts in both]


def _ranges(cuts: Sequence[float], kind: Kind) -> tuple[str, ...]:
    names = [label(int(cut) if kind == "datetime" else cut, kind) for cut in cuts]
    between = (f"{lower} to {upper}" for lower, upper in pairwise(names))
    return (f"up to {names[0]}", *between, f"above {names[-1]}")
