"""How far a performance metric may be off because only so many rows have a label."""

import numpy as np

from mlmon_dagster.drift.performance import measure_outcomes
from mlmon_dagster.drift.performance.outcomes import Outcomes
from mlmon_dagster.errors import DataError

RESAMPLES = 200
LARGEST = 5_000
"""Rows of one resample; the error of more rows follows from the square root of their number."""


def standard_error(metric: str, outcomes: Outcomes) -> float:
    """The metric's standard deviation over resamples of the rows; NaN where most resamples give it no meaning.

    Resamples are the same for the same number of rows.
    Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; Bickel, Goetze and van Zwet, "Resampling
    fewer than n observations", 1997.

    >>> labels, predictions = np.zeros(400), np.tile([0.0, 1.0], 200)
    >>> 0.02 < standard_error("mae", Outcomes.of(labels, predictions)) < 0.03  # sqrt(0.25 / 400)
    True
    """
    random, rows = np.random.default_rng(outcomes.rows), min(outcomes.rows, LARGEST)
    found = []
    for _ in range(RESAMPLES):
        try:
            found.append(measure_outcomes(metric, outcomes.take(random.integers(0, outcomes.rows, rows))))
        except DataError:
            continue
    if len(found) < RESAMPLES / 2:
        return float("nan")
    return float(np.std(found) * np.sqrt(rows / outcomes.rows))
