"""scipy's two-sample functions as they stand, with its defaults; a test is drift at a p-value below 0.05."""

from collections.abc import Mapping

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.compatible._counted import numbers, rows, side_by_side
from mlmon_dagster.drift.compatible._statistic import CATEGORIES, NUMBERS, Number, Statistic


def chosen(reference: Column, window: Column) -> str:
    """The statistic for a column when none is named."""
    return "ks" if reference.kind == "numeric" else "chi_square"


def ks(reference: Column, window: Column) -> Number:
    """`scipy.stats.ks_2samp`: exact for up to 10,000 rows."""
    from scipy.stats import ks_2samp

    found = ks_2samp(rows(reference), rows(window))
    return Number(float(found.statistic), float(found.pvalue))


def wasserstein(reference: Column, window: Column) -> Number:
    """`scipy.stats.wasserstein_distance`, in the column's unit."""
    from scipy.stats import wasserstein_distance

    sides = (numbers(reference), numbers(window))
    return Number(float(wasserstein_distance(*sides, reference.counts, window.counts)))


def zscore(reference: Column, window: Column) -> Number:
    """`scipy.stats.ttest_ind(equal_var=False)`, the statistic without its sign."""
    from scipy.stats import ttest_ind

    found = ttest_ind(rows(reference), rows(window), equal_var=False)
    return Number(abs(float(found.statistic)), float(found.pvalue))


def chi_square(reference: Column, window: Column) -> Number:
    """`scipy.stats.chi2_contingency` of the two rows of counts."""
    from scipy.stats import chi2_contingency

    _, before, now = side_by_side(reference, window)
    found = chi2_contingency(np.vstack([before, now]))
    return Number(float(found[0]), float(found[1]))


def jensen_shannon(reference: Column, window: Column) -> Number:
    """`scipy.spatial.distance.jensenshannon` of the categories' shares, natural logarithm."""
    from scipy.spatial.distance import jensenshannon

    _, before, now = side_by_side(reference, window)
    return Number(float(jensenshannon(before, now)))


STATISTICS: Mapping[str, Statistic] = {
    "ks": Statistic("ks_2samp", NUMBERS, ks, 0.05, "below", "p_value"),
    "wasserstein": Statistic("wasserstein_distance", NUMBERS, wasserstein, None, "above"),
    "zscore": Statistic("ttest_ind", NUMBERS, zscore, 0.05, "below", "p_value"),
    "chi_square": Statistic("chi2_contingency", CATEGORIES, chi_square, 0.05, "below", "p_value"),
    "jensen_shannon": Statistic("jensenshannon", CATEGORIES, jensen_shannon, None, "above"),
}
