"""The largest change of a correlation between two columns: finds pairs that no longer go together."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.covariance import COARSE, Covariance
from mlmon_dagster.drift.multivariate.joint import JointMeasure, Learned, Table
from mlmon_dagster.drift.multivariate.numbers import covariance_of, kept_covariance, read_covariance, window_covariance
from mlmon_dagster.errors import DataError


@dataclass(frozen=True)
class CorrelationShift:
    """Largest absolute change of Pearson's correlation over all pairs of number columns: 0 to 2.

    A pair is measured over the rows in which both have a value. The p-value is that of the pair (no change of the
    fourth moments: no column needs to be normal), corrected for the number of pairs (Sidak). Needs sums only: a profile
    with a covariance is enough, on either side. Blind to a change of a single column, and of anything but a straight
    relation.
    Source: Browne, "Asymptotically distribution-free methods for the analysis of covariance structures", 1984; Sidak,
    "Rectangular Confidence Regions for the Means of Multivariate Normal Distributions", 1967.
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "difference of correlations"

    pair_rows: Annotated[int, Field(ge=4, description="rows in which both columns of a pair need a value")] = 30

    def learn(self, reference: Table) -> Learned:
        return kept_covariance(covariance_of(reference))

    def measure(self, learned: Learned, window: Table) -> JointMeasure:
        before = read_covariance(learned)
        return self.compare(before, window_covariance(before, window))

    def compare(self, reference: Covariance, window: Covariance) -> JointMeasure:
        """The same number from two covariances on the same axes; `DataError` where no pair can be compared."""
        from scipy.special import ndtr

        before, now = reference.correlations, window.correlations
        rows = np.minimum(reference.rows, window.rows).astype(np.int64)
        shift = np.where(rows >= self.pair_rows, np.abs(now - before), np.nan)
        first, second = np.triu_indices(len(shift), 1)
        known = ~np.isnan(shift[first, second])
        first, second = first[known], second[known]
        if not len(first):
            raise DataError(
                f"no two columns of numbers have {self.pair_rows} rows with both and vary on both sides",
                hint="take longer windows, or other columns",
            )
        order = np.argsort(-shift[first, second], kind="stable")
        one, two = int(first[order[0]]), int(second[order[0]])
        value = float(shift[one, two])
        n, m = int(reference.rows[one, two]), int(window.rows[one, two])
        noise = float(np.sqrt(_variance(reference, before, one, two) * (1 / n + 1 / m)))
        single = float(2 * ndtr(-value / noise)) if noise else float(value == 0)
        p_value = float(-np.expm1(len(first) * np.log1p(-single))) if single < 1 else 1.0
        numbers = {
            "correlation_shift.before": float(before[one, two]),
            "correlation_shift.now": float(now[one, two]),
            "correlation_shift.pairs": float(len(first)),
        }
        names = [reference.names[place] for pair in order[:10] for place in (first[pair], second[pair])]
        return JointMeasure(value, p_value, numbers, tuple(dict.fromkeys(names)))


def _variance(reference: Covariance, correlations: Array, one: int, two: int) -> float:
    """n times the variance of a pair's correlation, from the reference's fourth moments about its mean."""
    r = float(correlations[one, two])
    coarse = reference.rows[one, two]
    second = [_coarse_square(reference, place, other) for place, other in ((one, two), (two, one))]
    scale = float(np.sqrt(second[0] * second[1]))
    both = float(reference.quarts[one, two]) / coarse / scale**2
    fourth = [float(reference.quarts[place, place]) / reference.rows[place, place] for place in (one, two)]
    cubes = [float(reference.cubes[one, two]) / coarse / (second[0] * scale)]
    cubes.append(float(reference.cubes[two, one]) / coarse / (second[1] * scale))
    kurtosis = fourth[0] / second[0] ** 2 + fourth[1] / second[1] ** 2
    found = (1 + r * r / 2) * both + r * r / 4 * kurtosis - r * sum(cubes)
    return float(max(found, (1 - r * r) ** 2))  # of a bounded pair it may be less: never trust that


def _coarse_square(reference: Covariance, place: int, other: int) -> float:
    """The second moment in coarse units."""
    return float(reference.squares[place, other]) / float(reference.rows[place, other]) * 4.0**-COARSE
