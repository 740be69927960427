"""Native rows in ascending order: one sort for numbers and moments, one count for categories and booleans."""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from mlmon_dagster.drift.decimals import decimals, widest
from mlmon_dagster.drift.native import Native
from mlmon_dagster.drift.search import Array
from mlmon_dagster.drift.unsorted import Unsorted
from mlmon_dagster.errors import DataError


@dataclass(frozen=True)
class Ordered:
    """Present values in ascending order or as they came, rows that each stands for (None: one), and rows left out."""

    values: Array | Unsorted
    weights: Array | None
    missing: int
    infinite: int = 0
    minus_infinite: int = 0
    squares: int | None = None


def ordered(name: str, rows: Native, weights: object = None, *, in_order: bool = True) -> Ordered:
    """The rows in order, floats only if so asked; `weights` says how many rows each of them stands for."""
    weighed = _weights(name, weights)
    if weighed is not None and len(weighed) != len(rows.data):
        raise DataError(f"column {name!r} has {len(rows.data)} rows and {len(weighed)} weights")
    data, missing = rows.data, 0
    if rows.missing is not None and rows.missing.any():
        there = ~rows.missing
        missing = _count(weighed, len(data) - int(there.sum()), rows.missing)
        data, weighed = data[there], None if weighed is None else weighed[there]
    if rows.kind == "categorical":
        return Ordered(*_categories(data, weighed), missing, squares=_squares(weighed))
    if rows.kind == "boolean":
        return Ordered(*_booleans(data, weighed), missing, squares=_squares(weighed))
    return _numbers(data, weighed, missing, in_order)


def _numbers(data: Array, weights: Array | None, missing: int, in_order: bool) -> Ordered:
    """Missing and infinite values end up at the ends of the sort and are cut off."""
    if weights is not None:
        order = np.argsort(data)
        data, weights = data[order], weights[order]
    else:
        few = _few(data) if data.dtype.kind != "f" else decimals(data)
        if few is not None:
            return Ordered(*few, missing)
        if not in_order and data.dtype.kind == "f":
            return _unsorted(data, missing)
        data = np.sort(data)
    if data.dtype.kind != "f":
        return Ordered(*_summed(data, weights), missing, squares=_squares(weights))
    if len(data) and math.isfinite(data[0]) and math.isfinite(data[-1]):  # as in most columns
        return Ordered(*_summed(data, weights), missing, squares=_squares(weights))
    infinity = data.dtype.type(np.inf)
    start = int(np.searchsorted(data, -infinity, side="right"))
    stop = int(np.searchsorted(data, infinity, side="left"))
    end = int(np.searchsorted(data, infinity, side="right"))
    minus = _count(weights, start, slice(0, start))
    infinite = minus + _count(weights, end - stop, slice(stop, end))
    missing += _count(weights, len(data) - end, slice(end, None))
    data, weights = data[start:stop], None if weights is None else weights[start:stop]
    return Ordered(*_summed(data, weights), missing, infinite, minus, _squares(weights))


def _unsorted(data: Array, missing: int) -> Ordered:
    """Missing and infinite values are left out; mostly there is none, which their sum tells."""
    infinite = minus = 0
    with np.errstate(over="ignore", invalid="ignore"):
        finite = math.isfinite(data.sum())
    if not finite:
        nan, endless = np.isnan(data), np.isinf(data)
        minus, infinite = int((data[endless] < 0).sum()), int(endless.sum())
        missing += int(nan.sum())
        data = data[~(nan | endless)]
    return Ordered(Unsorted(data) if len(data) else data, None, missing, infinite, minus)


def _count(weights: Array | None, rows: int, where: "Array | slice") -> int:
    return rows if weights is None else int(weights[where].sum())


def _squares(weights: Array | None) -> int | None:
    return None if weights is None else sum(weight * weight for weight in weights.tolist())


def _few(data: Array) -> tuple[Array, Array] | None:
    """Whole numbers of a narrow range by counting, four times as fast as a sort; None for a wide range."""
    if data.dtype != np.int64 or len(data) < 2:
        return None
    low, high = int(data.min()), int(data.max())
    if high - low >= widest(len(data)):
        return None
    counts = np.bincount(data - low if low else data, minlength=high - low + 1)
    there = np.nonzero(counts)[0]
    return there + low, counts[there].astype(np.int64)


def _summed(ascending: Array, weights: Array | None) -> tuple[Array, Array | None]:
    """Distinct values and the sums of their weights, without those that weigh nothing."""
    if weights is None or not len(ascending):
        return ascending, weights
    starts = np.nonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))[0]
    totals = np.add.reduceat(weights, starts)
    return ascending[starts][totals > 0], totals[totals > 0]


def _booleans(data: Array, weights: Array | None) -> tuple[Array, Array]:
    yes = _count(weights, int(data.sum()), data)
    counts = np.array([_count(weights, len(data), slice(None)) - yes, yes], dtype=np.int64)
    return np.nonzero(counts)[0], counts[counts > 0]


def _categories(data: Array, weights: Array | None) -> tuple[Array, Array]:
    """Distinct texts in order with their rows."""
    found: Counter[str] = Counter()
    if data.dtype.kind in "iu" and weights is None:
        few = _few(data.astype(np.int64, copy=False)) if data.dtype.itemsize < 8 or data.dtype.kind == "i" else None
        values, counts = few or np.unique(data, return_counts=True)
        found.update(dict(zip(map(str, values.tolist()), counts.tolist(), strict=True)))
    elif weights is not None:
        for value, weight in zip(data.tolist(), weights.tolist(), strict=True):
            found[_text(value)] += weight
    else:
        for value, count in Counter(data.tolist()).items():
            found[_text(value)] += count
    names = sorted(name for name, count in found.items() if count)
    values = np.empty(len(names), dtype=object)
    values[:] = names
    return values, np.array([found[name] for name in names], dtype=np.int64)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _weights(name: str, weights: object) -> Array | None:
    if weights is None:
        return None
    found = np.asarray(weights)
    if found.dtype.kind not in "iu" or found.ndim != 1 or (len(found) and found.min() < 0):
        raise DataError(
            f"the weights of column {name!r} are {found.dtype}, expected one whole number that is not negative a row",
            hint="multiply fractions by a power of ten and round them",
        )
    return found.astype(np.int64)
