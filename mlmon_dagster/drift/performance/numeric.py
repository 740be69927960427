"""Metrics of predicted numbers: how far they lie from the labels."""

from collections.abc import Mapping

import numpy as np

from mlmon_dagster.drift.performance.outcomes import Metric, Outcomes
from mlmon_dagster.errors import DataError


def mae(outcomes: Outcomes) -> float:
    """Mean absolute error, in the label's unit."""
    truth, given = outcomes.numbers("mae")
    return float(np.abs(truth - given).mean())


def median_ae(outcomes: Outcomes) -> float:
    """Median absolute error, in the label's unit: deaf to a few large errors."""
    truth, given = outcomes.numbers("median_ae")
    return float(np.median(np.abs(truth - given)))


def mse(outcomes: Outcomes) -> float:
    """Mean squared error, in the square of the label's unit."""
    truth, given = outcomes.numbers("mse")
    return float(np.square(truth - given).mean())


def rmse(outcomes: Outcomes) -> float:
    """Root of the mean squared error, in the label's unit."""
    truth, given = outcomes.numbers("rmse")
    return float(np.sqrt(np.square(truth - given).mean()))


def mape(outcomes: Outcomes) -> float:
    """Mean of |error| / |label|; without a meaning where a label is 0."""
    truth, given = outcomes.numbers("mape")
    zeros = int((truth == 0).sum())
    if zeros:
        raise DataError(f"mape is an error relative to the label, and {zeros} of {len(truth)} labels are 0")
    return float(np.abs((truth - given) / truth).mean())


def r2(outcomes: Outcomes) -> float:
    """Share of the labels' variance that predictions explain: at most 1; 0 for the mean of the labels."""
    truth, given = outcomes.numbers("r2")
    if len(truth) < 2:
        raise DataError("r2 needs at least two labels")
    total, residual = float(np.square(truth - truth.mean()).sum()), float(np.square(truth - given).sum())
    if total == 0:
        return 1.0 if residual == 0 else 0.0
    return 1.0 - residual / total


METRICS: Mapping[str, Metric] = {
    "mae": Metric("regression", "lower", "values", mae),
    "median_ae": Metric("regression", "lower", "values", median_ae),
    "mse": Metric("regression", "lower", "values", mse),
    "rmse": Metric("regression", "lower", "values", rmse),
    "mape": Metric("regression", "lower", "values", mape),
    "r2": Metric("regression", "higher", "values", r2),
}
