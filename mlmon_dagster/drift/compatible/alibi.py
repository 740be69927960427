"""alibi-detect 0.13.0: `TabularDrift` by feature: Kolmogorov-Smirnov for numbers, chi-square for categories.

Its verdict on a feature is its p-value below 0.05, without a correction for the number of features; it keeps p-values
as float32.
"""

from collections.abc import Mapping

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.compatible._counted import rows, side_by_side
from mlmon_dagster.drift.compatible._statistic import CATEGORIES, NUMBERS, Number, Statistic


def chosen(reference: Column, window: Column) -> str:
    """The statistic it takes for a column when none is named."""
    return "ks" if reference.kind == "numeric" else "chi_square"


def ks(reference: Column, window: Column) -> Number:
    from scipy.stats import ks_2samp

    found = ks_2samp(rows(reference), rows(window), method="asymp")
    return Number(float(np.float32(found.statistic)), float(np.float32(found.pvalue)))


def chi_square(reference: Column, window: Column) -> Number:
    from scipy.stats import chi2_contingency

    _, before, now = side_by_side(reference, window)
    found = chi2_contingency(np.vstack([before, now]))
    return Number(float(np.float32(found[0])), float(np.float32(found[1])))


STATISTICS: Mapping[str, Statistic] = {
    "ks": Statistic("K-S statistic", NUMBERS, ks, 0.05, "below", "p_value"),
    "chi_square": Statistic("Chi-Squared statistic", CATEGORIES, chi_square, 0.05, "below", "p_value"),
}
