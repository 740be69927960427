"""How far two means lie apart, and the spread that distances are measured in."""

from dataclasses import dataclass

import numpy as np

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
    known = [one.bins for one in (reference, window) if one.bins is not None]
    (before, left, _), (now, right, _) = reference.moments, window.moments
    distance = abs(float(now - before) + (right - left))
    error = float(
        np.sqrt(reference.std * reference.std / reference.effective + window.std * window.std / window.effective)
    )
    p_value = float(special().erfc(distance / error / np.sqrt(2))) if error else float(distance == 0)
    clipped = any(bins.clipped for bins in known)
    return MeanShift(distance, error, p_value, sum(bins.grid.unit for bins in known) / 2, clipped)


def scale(reference: Column, window: Column) -> float:
    """The spread that distances are measured in: the reference's, else the window's, else 1."""
    if reference.std > 0 and np.isfinite(reference.std):
        return reference.std
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
    return next((one for one in candidates if np.isfinite(one) and one > 0), 1.0)
