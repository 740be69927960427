"""The exponentially weighted moving average chart: finds small, lasting moves of a known mean."""

from functools import cache
from math import isfinite, pi, sqrt

from mlmon_dagster.drift.streaming.state import State
from mlmon_dagster.errors import DataError


class Ewma:
    """Watches a number whose `mean` and `std` the reference knows, for a move of its mean in either direction.

    With z = (value - mean) / std the average is s = (1 - weight) s + weight z, from s = 0. The state's `value` is |s|,
    its `limit` is L sqrt(weight / (2 - weight) (1 - (1 - weight)^(2 seen))), and L is chosen so that without any
    change there is one false alarm in about `run_length` values (see `width`). A smaller weight finds smaller moves,
    later.
    Source: Roberts, "Control Chart Tests Based on Geometric Moving Averages", 1959.

    >>> detector = Ewma(mean=10.0, std=2.0, weight=0.2, run_length=500)
    >>> [detector.update(value).changed for value in (10.0, 12.0, 15.0, 15.0)]
    [False, False, False, True]
    """

    __slots__ = ("_average", "_count", "_fade", "_limit", "_mean", "_scale", "_weight")

    def __init__(self, mean: float, std: float, *, weight: float = 0.05, run_length: float = 100_000) -> None:
        if not (isfinite(mean) and isfinite(std) and std > 0):
            raise DataError(f"a number that never varied cannot be watched: its mean is {mean}, its deviation {std}")
        self._mean, self._scale, self._weight = mean, 1 / std, weight
        self._limit = width(weight, run_length) * sqrt(weight / (2 - weight))
        self._average, self._fade, self._count = 0.0, 1.0, 0

    def update(self, value: float) -> State:
        """The state after this value."""
        if isfinite(value):
            self._average += self._weight * ((value - self._mean) * self._scale - self._average)
            self._fade *= (1 - self._weight) ** 2
            self._count += 1
        moved, limit = abs(self._average), self._limit * sqrt(1 - self._fade)
        state = State(moved, limit, moved > limit, self._count)
        if state.changed:
            self._average, self._fade, self._count = 0.0, 1.0, 0
        return state


@cache
def width(weight: float, run_length: float) -> float:
    """The control limit, in standard deviations of the average, that gives one false alarm in `run_length` values.

    For independent, normally distributed values and the limit of a long series (the narrower one of the first values
    shortens the run a little). Found by bisection on `run_length_of`. Raises `DataError` for a weight outside
    [0.005, 1] or a run length outside [10, 10^9].

    >>> round(width(0.2, 500), 2)
    2.96
    """
    if not 0.005 <= weight <= 1:
        raise DataError(f"the weight of the newest value is between 0.005 and 1, got {weight}")
    if not 10 <= run_length <= 1e9:
        raise DataError(f"a false alarm is expected once in 10 to 1,000,000,000 values, got {run_length}")
    low, high = 0.0, 7.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if run_length_of(weight, middle) < run_length else (low, middle)
    return high


def run_length_of(weight: float, width: float) -> float:
    """Values until the first alarm, on average, when nothing changes.

    The length L(u) from an average of u satisfies L(u) = 1 + 1/weight * integral of L(x) phi((x - (1 - weight) u) /
    weight) over the x between the limits; it is solved at Gauss-Legendre points.
    Source: Crowder, "A Simple Method for Studying Run-Length Distributions of EWMA Charts", 1987.

    >>> round(run_length_of(0.5, 3.071))
    500
    """
    import numpy as np

    limit = width * sqrt(weight / (2 - weight))
    points, shares = np.polynomial.legendre.leggauss(max(48, int(4 * limit / weight)))
    points, shares = points * limit, shares * limit
    density = np.exp(-0.5 * ((points[None, :] - (1 - weight) * points[:, None]) / weight) ** 2) / sqrt(2 * pi)
    lengths = np.linalg.solve(np.eye(len(points)) - density * shares / weight, np.ones(len(points)))
    first = np.exp(-0.5 * (points / weight) ** 2) / sqrt(2 * pi)
    return float(1 + np.dot(first * shares / weight, lengths))
