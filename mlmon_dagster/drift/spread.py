"""How far two means lie apart, and the spread that distances are measured in."""

import math
from dataclasses import dataclass

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.method import quantiles
from mlmon_dagster.drift.special import special


@dataclass(frozen=True)
class MeanShift:
    """The absolute difference of two means, its standard error, the p-value, and how far rounding may have moved it."""

    distance: float
    error: float
    p_value: float
    unsure: float
    clipped: bool


def mean_shift(reference: Column, window: Column) -> MeanShift:
    """The shift of the mean by Welch's test in the normal limit; Kish's rows where rows are weighted."""
    return window.once(("shift", reference), lambda: _mean_shift(reference, window))


def _mean_shift(reference: Column, window: Column) -> MeanShift:
    known = [one.bins for one in (reference, window) if one.bins is not None]
    (before, left, old), (now, right, new) = reference.moments, window.moments
    distance = abs(float(now - before) + (right - left))
    error = math.sqrt(old * old / reference.effective + new * new / window.effective)
    p_value = float(special().erfc(distance / error / math.sqrt(2))) if error else float(distance == 0)
    clipped = any(bins.clipped for bins in known)
    return MeanShift(distance, error, p_value, sum(bins.grid.unit for bins in known) / 2, clipped)


def scale(reference: Column, window: Column) -> float:
    """The spread that distances are measured in: the reference's, else the window's, else 1."""
    spread = reference.std
    if 0 < spread < math.inf:
        return spread
    return _first(_robust(reference), window.std, _middle(reference))


def robust_scale(reference: Column, window: Column) -> float:
    """The same from the reference's quartiles, which no outlier moves: their distance / 1.349, a normal one's sigma."""
    robust = _robust(reference)
    return robust if robust > 0 else _first(reference.std, _robust(window), window.std, _middle(reference))


def _robust(column: Column) -> float:
    lower, upper = column.once("quartiles", lambda: quantiles(column, [0.25, 0.75]).tolist())
    return float(upper - lower) / 1.349


def _middle(column: Column) -> float:
    return abs(float(quantiles(column, [0.5])[0]))


def _first(*candidates: float) -> float:
    return next((one for one in candidates if math.isfinite(one) and one > 0), 1.0)
