"""Evidently 0.7.23: `ValueDrift` with the method of the same name, or by its own choice for `auto`.

Its choice depends on the number of rows and of distinct values, so a series may change its meaning over time; its
p-values are uncorrected.
"""

from collections.abc import Mapping

import numpy as np

from mlmon_dagster.drift.column import Array, Column
from mlmon_dagster.drift.compatible._counted import histogram, numbers, rows, side_by_side, sturges
from mlmon_dagster.drift.compatible._statistic import CATEGORIES, NUMBERS, Number, Statistic

FEW_ROWS = 1000
"""Rows of the reference up to which it tests; beyond, it measures distances."""

FEW_VALUES = 20
"""Distinct values of the reference up to which numbers are their own bins."""


def chosen(reference: Column, window: Column) -> str:
    """The statistic it takes for a column when none is named."""
    values = len(np.union1d(reference.values, window.values))
    numeric = reference.kind == "numeric" and values > 5
    if reference.present <= FEW_ROWS:
        return "ks" if numeric else "chi_square" if values > 2 else "z"
    return "wasserstein" if numeric else "jensen_shannon"


def ks(reference: Column, window: Column) -> Number:
    from scipy.stats import ks_2samp

    return Number(float(ks_2samp(rows(reference), rows(window)).pvalue))


def chi_square(reference: Column, window: Column) -> Number:
    """Goodness of fit to the reference's counts; one row in a new category makes it 0."""
    from scipy.special import chdtrc

    _, before, now = side_by_side(reference, window)
    expected = before * (window.present / reference.present)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = float(np.sum((now - expected) ** 2 / expected))
    return Number(float(chdtrc(len(before) - 1, statistic)))


def z(reference: Column, window: Column) -> Number:
    """Difference of the shares of rows that are not the first value in order."""
    from scipy.special import ndtr

    values, before, now = side_by_side(reference, window)
    if len(values) == 1:
        return Number(1.0)
    n, m = reference.present, window.present
    p, q = 1 - before[0] / n, 1 - now[0] / m
    pooled = (p * n + q * m) / (n + m)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.float64(p - q) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return Number(float(2 * (1 - ndtr(np.abs(score)))))


def wasserstein(reference: Column, window: Column) -> Number:
    from scipy.stats import wasserstein_distance

    sides = (numbers(reference), numbers(window))
    distance = float(wasserstein_distance(*sides, reference.counts, window.counts))
    return Number(distance / max(reference.std, 0.001))


def jensen_shannon(reference: Column, window: Column) -> Number:
    """With the natural logarithm, so at most 0.8326."""
    from scipy.spatial.distance import jensenshannon

    return Number(float(jensenshannon(*_shares(reference, window))))


def psi(reference: Column, window: Column) -> Number:
    p, q = (_filled(share) for share in _shares(reference, window))
    return Number(float(np.sum((p - q) * np.log(p / q))))


def hellinger(reference: Column, window: Column) -> Number:
    """Numbers in bins over the distinct values of both, by density."""
    if reference.kind != "numeric":
        _, before, now = side_by_side(reference, window)
        overlap = float(np.sum(np.sqrt(before / reference.present * (now / window.present))))
        return Number(float(np.sqrt(1 - min(max(overlap, 0.0), 1.0))))
    values, _, _ = side_by_side(reference, window)
    edges = sturges(float(values[0]), float(values[-1]), len(values), _whole(reference, window))
    widths = np.diff(edges)
    p, q = (histogram(side, edges) / histogram(side, edges).sum() / widths for side in (reference, window))
    overlap = float(np.sum(np.sqrt(p * q)) * (edges[-1] - edges[0]) / len(widths))
    return Number(float(np.sqrt(1 - min(max(overlap, 0.0), 1.0))))


def _shares(reference: Column, window: Column) -> tuple[Array, Array]:
    """Bins by Sturges' rule over the range of both together, which one outlier stretches; or one for each value."""
    if reference.kind == "numeric" and len(reference.values) > FEW_VALUES:
        ends = [float(side.values[place]) for side in (reference, window) for place in (0, -1)]
        count = reference.present + window.present
        edges = sturges(min(ends), max(ends), count, _whole(reference, window))
        before, now = histogram(reference, edges), histogram(window, edges)
    else:
        _, before, now = side_by_side(reference, window)
    return before / reference.present, now / window.present


def _filled(share: Array) -> Array:
    smallest = float(share[share > 0].min())
    return np.where(share == 0, smallest / 1e6 if smallest <= 1e-4 else 1e-4, share)


def _whole(reference: Column, window: Column) -> bool:
    """Whether pandas would hold both as integers: whole numbers of which none is missing."""
    return all(side.values.dtype.kind in "iu" and not side.missing for side in (reference, window))


STATISTICS: Mapping[str, Statistic] = {
    "ks": Statistic("K-S p_value", NUMBERS, ks, 0.05, "at_or_below"),
    "chi_square": Statistic("chi-square p_value", ("numeric", *CATEGORIES), chi_square, 0.05, "below"),
    "z": Statistic("Z-test p_value", ("numeric", *CATEGORIES), z, 0.05, "below"),
    "wasserstein": Statistic("Wasserstein distance (normed)", NUMBERS, wasserstein, 0.1, "at_or_above"),
    "jensen_shannon": Statistic("Jensen-Shannon distance", (*NUMBERS, *CATEGORIES), jensen_shannon, 0.1, "at_or_above"),
    "psi": Statistic("PSI", (*NUMBERS, *CATEGORIES), psi, 0.1, "at_or_above"),
    "hellinger": Statistic("Hellinger distance", (*NUMBERS, *CATEGORIES), hellinger, 0.1, "at_or_above"),
}
