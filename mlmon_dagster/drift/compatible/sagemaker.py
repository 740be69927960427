"""Amazon SageMaker Model Monitor, as its open engine Deequ defines it: the robust L-infinity distance.

Deequ estimates the distributions of numbers from a sketch that is random beyond some thousand values; these are the
numbers without the sketch's error. Its chi-square first joins small categories.
"""

from collections.abc import Mapping

import numpy as np

from mlmon_dagster.drift.column import Array, Column
from mlmon_dagster.drift.compatible._counted import side_by_side
from mlmon_dagster.drift.compatible._statistic import CATEGORIES, NUMBERS, Number, Statistic

NOISE = 1.8
"""What it subtracts, in units of sqrt(1/n + 1/m): Knuth's constant at 0.003."""

SMALL, SMALL_OF_TWO, SHARE = 5, 10, 0.2
"""Expected rows below which a category is small (of several, of two), and the share of small ones that is allowed."""


def chosen(reference: Column, window: Column) -> str:
    """The statistic it takes for a column when none is named."""
    return "ks" if reference.kind == "numeric" else "l_infinity"


def ks(reference: Column, window: Column) -> Number:
    """Largest difference of the cumulative shares, less the noise."""
    _, before, now = side_by_side(reference, window)
    gap = np.abs(np.cumsum(before) / reference.present - np.cumsum(now) / window.present)
    return Number(_robust(float(gap.max()), reference, window))


def l_infinity(reference: Column, window: Column) -> Number:
    """Largest difference of a category's shares, less the noise."""
    _, before, now = side_by_side(reference, window)
    gap = np.abs(before / reference.present - now / window.present)
    return Number(_robust(float(gap.max()), reference, window))


def chi_square(reference: Column, window: Column) -> Number:
    """The p-value of the fit to the reference's shares; categories that the reference never saw do not count."""
    from scipy.special import chdtrc

    _, before, now = side_by_side(reference, window)
    known = before > 0
    sample = now[known].astype(np.float64)
    sample, expected = _regrouped(sample, before[known] / reference.present * sample.sum())
    if len(expected) < 2:
        return Number(float("nan"))
    scaled = expected * (sample.sum() / expected.sum())
    return Number(float(chdtrc(len(expected) - 1, np.sum((sample - scaled) ** 2 / scaled))))


def _regrouped(sample: Array, expected: Array) -> tuple[Array, Array]:
    """The smallest category joins the next one until few enough are small."""
    while len(expected) >= 2:
        several = len(expected) > 2
        small = int((expected < (SMALL if several else SMALL_OF_TWO)).sum())
        if small <= (int(SHARE * len(expected)) if several else 0):
            break
        least, next_one = np.argsort(expected, kind="stable")[:2]
        for counts in (sample, expected):
            counts[next_one] += counts[least]
        sample, expected = np.delete(sample, least), np.delete(expected, least)
    return sample, expected


def _robust(distance: float, reference: Column, window: Column) -> float:
    n, m = reference.present, window.present
    return max(0.0, distance - NOISE * float(np.sqrt((n + m) / (n * m))))


STATISTICS: Mapping[str, Statistic] = {
    "ks": Statistic("L-infinity distance (robust)", NUMBERS, ks, 0.1, "above"),
    "l_infinity": Statistic("L-infinity distance (robust)", CATEGORIES, l_infinity, 0.1, "above"),
    "chi_square": Statistic("chi-square p-value", CATEGORIES, chi_square, 0.05, "below"),
}
