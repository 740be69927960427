"""How many of a column's sorted values lie at or below a threshold, exactly, whatever the two number types."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def at_most(ascending: Array, thresholds: Array) -> Array:
    """For each threshold, how many of the ascending values are at or below it (int64).

    No value is rounded: a threshold that the values' type cannot hold becomes the next one below that it can.

    >>> at_most(np.array([2**60, 2**60 + 1]), np.array([2.0**60])).tolist()
    [1]
    """
    held, none = floored(thresholds, ascending.dtype)
    found = ascending.searchsorted(held, side="right")
    return np.where(none, 0, found) if none is not None else found


def below(ascending: Array, thresholds: Array) -> Array:
    """For each threshold, how many of the ascending values are strictly below it (int64)."""
    held, none = floored(thresholds, ascending.dtype)
    found = ascending.searchsorted(held, side="left")
    if held is not thresholds:
        found = np.where(_equal(held, thresholds), found, ascending.searchsorted(held, side="right"))
    return np.where(none, 0, found) if none is not None else found


def previous(values: Array) -> Array:
    """The next smaller value that the type can hold: nothing lies between it and the value."""
    if values.dtype.kind == "f":
        return np.asarray(np.nextafter(values, values.dtype.type(-np.inf)))
    return np.asarray(np.where(values > np.iinfo(values.dtype).min, values - values.dtype.type(1), values))


def floored(thresholds: Array, dtype: "np.dtype[Any]") -> tuple[Array, Array | None]:
    """Each threshold as the greatest value of the type that is not above it; and where there is no such value."""
    if thresholds.dtype == dtype or dtype.kind not in "iuf" or thresholds.dtype.kind not in "iuf":
        return thresholds, None
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            rounded = thresholds.astype(dtype)
        return np.where(_greater(rounded, thresholds), np.nextafter(rounded, dtype.type(-np.inf)), rounded), None
    limits = np.iinfo(dtype)
    if thresholds.dtype.kind == "f":
        floored = np.floor(thresholds)
        high, none = floored >= float(limits.max), floored < float(limits.min)
        held = np.where(high | none, 0, floored).astype(dtype)
    else:
        own = np.iinfo(thresholds.dtype)
        high = thresholds > limits.max if own.max > limits.max else np.zeros(len(thresholds), dtype=bool)
        none = thresholds < limits.min if own.min < limits.min else np.zeros(len(thresholds), dtype=bool)
        held = np.where(high | none, 0, thresholds).astype(dtype)
    return np.where(high, limits.max, held).astype(dtype), none


def _greater(floats: Array, thresholds: Array) -> Array:
    """Where a float is above a threshold of another type, compared without rounding."""
    if thresholds.dtype.kind == "f":
        return np.asarray(floats.astype(np.float64) > thresholds)
    wide = floats.astype(np.float64)
    limits = np.iinfo(thresholds.dtype)
    beyond = wide >= float(limits.max)
    return np.asarray(beyond | (np.where(beyond, 0, wide).astype(thresholds.dtype) > thresholds))


def _equal(held: Array, thresholds: Array) -> Array:
    """Where nothing was lost by holding a threshold in another type."""
    if held.dtype.kind == thresholds.dtype.kind or (held.dtype.kind in "iu" and thresholds.dtype.kind in "iu"):
        return np.asarray(held == thresholds)
    floats, whole = (held, thresholds) if held.dtype.kind == "f" else (thresholds, held)
    wide = floats.astype(np.float64)
    limits = np.iinfo(whole.dtype)
    inside = (wide >= float(limits.min)) & (wide < float(limits.max))
    back = np.where(inside & (np.floor(wide) == wide), wide, 0).astype(whole.dtype)
    return np.asarray(inside & (np.floor(wide) == wide) & (back == whole))
