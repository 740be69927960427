"""The Page-Hinkley test: finds a lasting move of a mean that nobody knew beforehand."""

from math import inf, isfinite
from typing import Literal

from mlmon_dagster.drift.streaming.state import State
from mlmon_dagster.errors import DataError


class PageHinkley:
    """Watches a number for a lasting move of its mean away from the mean so far.

    Excesses over the running mean beyond `allowance` add up, shortfalls beyond it too:
    up = max(0, forgetting up + value - mean - allowance) and down = max(0, forgetting down + mean - value - allowance).
    The state's `value` is the larger one (or the one of the `direction`), its `limit` is `threshold`; nothing is said
    of the first `minimum` values. `allowance` and `threshold` are in the number's unit: half the move worth finding,
    and how much excess is believed.
    Source: Page, "Continuous Inspection Schemes", 1954; Hinkley, "Inference about the change-point from cumulative sum
    tests", 1971.

    >>> detector = PageHinkley(threshold=3.0, minimum=5)
    >>> [detector.update(value).changed for value in [0.0] * 9 + [1.0] * 5].index(True)
    12
    """

    __slots__ = ("_allowance", "_count", "_direction", "_down", "_forgetting", "_mean", "_minimum", "_threshold", "_up")

    def __init__(
        self,
        *,
        allowance: float = 0.005,
        threshold: float = 50.0,
        forgetting: float = 0.9999,
        minimum: int = 30,
        direction: Literal["up", "down", "both"] = "both",
    ) -> None:
        if threshold <= 0 or allowance < 0 or not 0 < forgetting <= 1:
            raise DataError(
                f"Page-Hinkley needs threshold > 0, allowance >= 0 and 0 < forgetting <= 1, "
                f"got {threshold}, {allowance} and {forgetting}"
            )
        self._allowance, self._threshold, self._forgetting = allowance, threshold, forgetting
        self._minimum, self._direction = minimum, direction
        self._mean, self._up, self._down, self._count = 0.0, 0.0, 0.0, 0

    def update(self, value: float) -> State:
        """The state after this value."""
        if isfinite(value):
            self._count += 1
            self._mean += (value - self._mean) / self._count
            excess = value - self._mean
            self._up = max(0.0, self._forgetting * self._up + excess - self._allowance)
            self._down = max(0.0, self._forgetting * self._down - excess - self._allowance)
        moved = max(self._up if self._direction != "down" else 0.0, self._down if self._direction != "up" else 0.0)
        limit = self._threshold if self._count >= self._minimum else inf
        state = State(moved, limit, moved > limit, self._count)
        if state.changed:
            self._restart()
        return state

    def _restart(self) -> None:
        self._mean, self._up, self._down, self._count = 0.0, 0.0, 0.0, 0
