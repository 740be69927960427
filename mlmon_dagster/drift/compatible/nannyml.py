"""NannyML 0.13.1: `UnivariateDriftCalculator` on one chunk; `auto` is its default, the Jensen-Shannon distance.

From 10,000 rows of the reference on, its Kolmogorov-Smirnov and Wasserstein distances are approximate, in 10,000 equal
bins, and one outlier in the reference hides any drift. It takes its thresholds from the reference's chunks, which a
profile does not keep: without a `threshold` of the monitor 0.1 is taken, the constant its documentation names.
"""

from collections.abc import Mapping

import numpy as np

from mlmon_dagster.drift.column import Array, Column
from mlmon_dagster.drift.compatible._counted import doane, histogram, numbers, rows, side_by_side
from mlmon_dagster.drift.compatible._statistic import CATEGORIES, NUMBERS, Number, Statistic

BINS = 10_000
"""Its approximation's bins, and the rows of the reference from which it approximates."""


def chosen(reference: Column, window: Column) -> str:
    """The statistic it takes for a column when none is named."""
    return "jensen_shannon"


def jensen_shannon(reference: Column, window: Column) -> Number:
    from scipy.spatial.distance import jensenshannon

    return Number(float(jensenshannon(*_shares(reference, window), base=2)))


def hellinger(reference: Column, window: Column) -> Number:
    p, q = _shares(reference, window)
    return Number(float(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2)) / np.sqrt(2)))


def ks(reference: Column, window: Column) -> Number:
    if reference.present < BINS:
        from scipy.stats import ks_2samp

        return Number(float(ks_2samp(rows(reference), rows(window), method="asymp").statistic))
    edges = _grid(reference)
    below = _below(window, edges[0])
    before = np.cumsum(histogram(reference, edges)) / reference.present
    now = (below + np.cumsum(histogram(window, edges))) / window.present
    return Number(float(np.abs(before - now).max()))


def wasserstein(reference: Column, window: Column) -> Number:
    if reference.present < BINS:
        from scipy.stats import wasserstein_distance

        sides = (numbers(reference), numbers(window))
        return Number(float(wasserstein_distance(*sides, reference.counts, window.counts)))
    edges = _grid(reference)
    values = numbers(window).astype(np.float64)
    low, high = values < edges[0], values > edges[-1]
    smaller, below = _tail(np.append(values[low], edges[0]), np.append(window.counts[low], 1), window.present, low=True)
    bigger, _ = _tail(np.insert(values[high], 0, edges[-1]), np.insert(window.counts[high], 0, 1), window.present)
    before = np.cumsum(histogram(reference, edges)) / reference.present
    now = np.cumsum(histogram(window, edges)) / window.present + below
    within = float(np.sum(np.abs(before - now) * (edges[1] - edges[0])))
    return Number(within + smaller + bigger)


def chi_square(reference: Column, window: Column) -> Number:
    from scipy.stats import chi2_contingency

    _, before, now = side_by_side(reference, window)
    found = chi2_contingency(np.vstack([before, now]).T)
    return Number(float(found[0]), float(found[1]))


def _shares(reference: Column, window: Column) -> tuple[Array, Array]:
    """Doane's bins over the reference, or its categories; one bin more for what lies outside, if anything does."""
    if reference.kind == "numeric":
        edges = doane(reference)
        before, now = histogram(reference, edges), histogram(window, edges)
    else:
        values, before, now = side_by_side(reference, window)
        known = np.isin(values, reference.values)
        before, now = before[known], now[known]
    p, q = before / reference.present, now / window.present
    rest = 1 - float(np.sum(q))
    return (np.append(p, 0), np.append(q, rest)) if rest > 0 else (p, q)


def _grid(reference: Column) -> Array:
    low, high = float(reference.values[0]), float(reference.values[-1])
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _below(column: Column, edge: float) -> int:
    return int(column.counts[: np.searchsorted(column.values, edge, side="left")].sum())


def _tail(values: Array, counts: Array, count: int, *, low: bool = False) -> tuple[float, float]:
    """The distance that lies outside of the reference's range on one side, and the share of rows it counts there."""
    outside = int(counts.sum()) - 1
    if not outside:
        return 0.0, 0.0
    share = (outside + 1) / count
    cumulated = np.cumsum(counts) / counts.sum()
    height = cumulated if low else 1 - cumulated
    return float(np.sum(height[:-1] * np.diff(values)) * share), share


STATISTICS: Mapping[str, Statistic] = {
    "ks": Statistic("Kolmogorov-Smirnov statistic", NUMBERS, ks, 0.1, "above"),
    "wasserstein": Statistic("Wasserstein distance", NUMBERS, wasserstein, None, "above"),
    "jensen_shannon": Statistic("Jensen-Shannon distance", (*NUMBERS, *CATEGORIES), jensen_shannon, 0.1, "above"),
    "hellinger": Statistic("Hellinger distance", (*NUMBERS, *CATEGORIES), hellinger, 0.1, "above"),
    "chi_square": Statistic("Chi2 statistic", CATEGORIES, chi_square, 0.05, "below", "p_value"),
}
