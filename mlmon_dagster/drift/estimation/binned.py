"""Performance without labels from profiles alone: what the reference's bins of scores say of a window's scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlmon_dagster.drift.bins import binned
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.estimation.estimate import NEEDED, TOLERATED, Estimate
from mlmon_dagster.drift.scores import Scores, area, groups
from mlmon_dagster.drift.search import Array
from mlmon_dagster.errors import DataError

DRAWS, RESAMPLES = 100, 20
NORMAL = 1.96
LEVELS = 20
"""Equally filled groups of the reference's scores, in which a window's are looked up."""

PARTS = 50
"""Equally filled groups of the reference's predictions that an error is known in."""


def estimate(reference: Scores, window: Column, positive: Any = None) -> dict[str, Estimate]:
    """Metric -> its estimate for a window of which only the scores are known; deterministic.

    Of classes `roc_auc` and `brier`: how often the label is positive is read from the reference's bins (isotonic), the
    idea of `cbpe`. Of numbers `mae`: the reference's mean error where the predictions lie now. True while the concept
    stays. `DataError` for a window without scores or of another grid, and a reference without labels of both sides.
    """
    rows = _rows(reference, window)
    if not reference.rows or not rows.sum():
        raise DataError(f"there are no scores of {reference.axis.name} to estimate from")
    if not reference.classes:
        return {"mae": _mae(reference, rows)}
    hits, others = reference.sides(positive)
    if not hits.any() or not others.any():
        raise DataError(f"the reference's labels of {reference.label.name} are all of one class")
    return _classes(reference, hits, others, rows, _sums(reference, window))


def _rows(reference: Scores, window: Column) -> Array:
    found = binned(window, reference.grid)
    assert found.weights is not None  # noqa: S101 - binned
    return found.weights


def _sums(reference: Scores, window: Column) -> Array:
    """The sum of the window's scores in each bin."""
    bins = binned(window, reference.grid).bins
    assert bins is not None  # noqa: S101 - binned
    return bins.summed + float(reference.grid.origin) * _rows(reference, window)


def _classes(reference: Scores, hits: Array, others: Array, rows: Array, sums: Array) -> dict[str, Estimate]:
    random, points = np.random.default_rng(0), reference.grid.points
    chances = _isotonic(hits, hits + others)
    drawn = [random.binomial(rows, chances) for _ in range(DRAWS)]
    again = [
        _isotonic(one, one + two)
        for one, two in ((random.poisson(hits), random.poisson(others)) for _ in range(RESAMPLES))
    ]
    parts = _parts(reference, rows) | {"calibration": _calibration(chances, hits, hits + others)}
    middle = sums / np.maximum(rows, 1)
    found = {
        "roc_auc": _joined("roc_auc", lambda one: _area(one, rows - one, points), rows, chances, drawn, again, parts)
    }
    if "brier" in reference.performance():

        def brier(one: Array) -> float:
            return float((rows * middle**2 - 2 * one * middle + one).sum() / rows.sum())

        found["brier"] = _joined("brier", brier, rows, chances, drawn, again, parts)
    return found


def _area(hits: Array, others: Array, points: Array) -> float:
    return area(hits, others, points).value if hits.sum() > 0 and others.sum() > 0 else float("nan")


def _joined(
    metric: str,
    measured: Any,
    rows: Array,
    chances: Array,
    drawn: "list[Array]",
    again: "list[Array]",
    parts: Mapping[str, float],
) -> Estimate:
    """The metric of expected labels; its bounds join how labels fall with how far the calibration is known."""
    value = measured(rows * chances)
    within = float(np.nanstd([measured(one) for one in drawn]))
    between = float(np.nanstd([measured(rows * one) for one in again]))
    spread = NORMAL * float(np.hypot(within, between))
    return Estimate(metric, float(value), float(value) - spread, float(value) + spread, parts)


def _isotonic(hits: Array, rows: Array) -> Array:
    """The chance in each bin that never falls and is nearest to what came; between bins with labels it is a line."""
    from scipy.optimize import isotonic_regression

    filled = np.nonzero(rows)[0]
    if not len(filled):
        return np.full(len(rows), 0.5)
    fitted = isotonic_regression(hits[filled] / rows[filled], weights=rows[filled]).x
    return np.asarray(np.interp(np.arange(len(rows)), filled, fitted))


def _calibration(chances: Array, hits: Array, rows: Array) -> float:
    group = groups(rows, LEVELS)
    said, came = (np.bincount(group, one, LEVELS) for one in (chances * rows, hits))
    return float(max(0.0, 1 - np.abs(said - came).sum() / rows.sum() / TOLERATED / 2))


def _parts(reference: Scores, rows: Array) -> dict[str, float]:
    """Whether the window's scores lie where the reference has labels, and how many of them speak for it."""
    known = reference.counts.sum(axis=0)
    filled = np.nonzero(known)[0]
    inside = rows[filled[0] : filled[-1] + 1].sum() / rows.sum()
    group = groups(known, LEVELS)
    before, now = (np.bincount(group, one, LEVELS) / one.sum() for one in (known, rows))
    there = before > 0
    ratio = 1 / max(float(np.sum(now[there] ** 2 / before[there])), 1e-12)
    return {"support": float(inside), "coverage": float(min(1.0, known.sum() * ratio / NEEDED))}


def _mae(reference: Scores, rows: Array) -> Estimate:
    known, unit = reference.counts.sum(axis=0), 2.0**-reference.label.exponent
    group = groups(known, PARTS)
    count, now = (np.bincount(group, one, PARTS) for one in (known, rows))
    sizes = np.bincount(group, reference.sums["absolutes"].astype(np.float64), PARTS) * unit
    squares = np.bincount(group, reference.sums["squares"].astype(np.float64), PARTS) * unit**2
    filled = np.nonzero(count)[0]
    mean = sizes[filled] / count[filled]
    spread = np.maximum(squares[filled] / count[filled] - mean**2, 0.0)
    places = np.arange(PARTS)
    mean, spread, many = (np.interp(places, filled, one) for one in (mean, spread, count[filled]))
    share = now / now.sum()
    value = float((share * mean).sum())
    noise = float(np.sqrt((share**2 * spread / many).sum() + (share * spread).sum() / now.sum()))
    return Estimate("mae", value, max(0.0, value - NORMAL * noise), value + NORMAL * noise, _parts(reference, rows))
