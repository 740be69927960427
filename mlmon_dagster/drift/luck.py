"""What the luck of one reference does to an alarm budget, and which references tell nothing of far values."""

from functools import lru_cache

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.method import quantiles
from mlmon_dagster.drift.special import special

SURE = 0.9
"""Share of references with which a budget is kept; by thresholds without allowance only the mean of them keeps it."""

HEAVIEST = 0.5
"""Tail index from which on a distribution has no variance: what moves means is then one value, as far as it lies."""

FEWEST_LARGEST = 10
"""Deviations that a tail index is read from, at least; of many rows as many as their square root."""


@lru_cache(maxsize=4096)
def allowance(level: float, reference_rows: int, window_rows: int) -> float:
    """By how much a threshold rises so that nine of ten references keep the level, and not only their mean.

    All windows are compared with the same reference: where that is a little off, each of them is. For a distance that
    is normal, W / sqrt(m) + R / sqrt(n) with R the same for all windows: the threshold that W alone reaches with
    probability `level` at R's 90% quantile, over the one that both reach together; at least 1. A tenth for a level of
    1% and windows as large as the reference, 1% where they are a hundredth of it.

    >>> round(allowance(0.01, 1000, 1000), 3), round(allowance(0.01, 100_000, 1000), 3)
    (1.09, 1.008)
    """
    if not 0 < level < 1 or reference_rows < 1 or window_rows < 1:
        return 1.0
    ratio, (ndtr, ndtri) = window_rows / reference_rows, (special().ndtr, special().ndtri)
    together = -ndtri(level / 2) * np.sqrt(1 + ratio)
    off = -ndtri((1 - SURE) / 2) * np.sqrt(ratio)
    low, high = 0.0, 40.0 + off
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if ndtr(off - middle) + ndtr(-off - middle) > level else (low, middle)
    return max(1.0, float(high / together))


def tail_index(column: Column) -> float:
    """Hill's estimate from the largest deviations from the median: 1 for a Cauchy, 1/3 for Student's t of 3, less for
    lighter tails; from 0.5 on a distribution has no variance. 0 for a column that never varies.

    As many of the deviations are looked at as the square root of those that are not 0.
    Source: Hill, "A simple general approach to inference about the tail of a distribution", 1975.

    >>> round(tail_index(Column.of("x", [*range(1000)])), 2)
    0.02
    """
    middle = float(quantiles(column, [0.5])[0])
    values, counts = np.asarray(column.values, dtype=np.float64), np.asarray(column.counts)
    apart = np.abs(values - middle)
    order = np.argsort(apart)[::-1]
    apart, rows = apart[order], np.cumsum(counts[order])
    differ = int(np.count_nonzero(apart))
    if not differ:
        return 0.0
    total = int(rows[differ - 1])
    most = min(max(int(np.sqrt(total)), FEWEST_LARGEST), max(total - 1, 1))
    place = min(int(np.searchsorted(rows, most + 1)), differ - 1)
    taken = np.minimum(rows[: place + 1], most)
    weights = np.diff(taken, prepend=0)
    return float(np.sum(weights * np.log(apart[: place + 1] / apart[place])) / most)


def too_heavy(column: Column, method: str) -> str | None:
    """Why a method that single far values move cannot keep an alarm budget on this column; None where it can."""
    index = tail_index(column)
    if index < HEAVIEST:
        return None
    return (
        f"{column.name}: its largest values lie so far out (tail index {index:.2g}; from {HEAVIEST:g} on there is no "
        f"variance) that no reference tells what {method} does by chance; with an alarm budget use ks, psi, tails, "
        "wasserstein_clipped or broad"
    )
