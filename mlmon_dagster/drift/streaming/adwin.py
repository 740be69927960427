"""Adaptive windowing: keeps as many of the newest values as show no change, and says when it drops some."""

from math import inf, isfinite, log, sqrt

from mlmon_dagster.drift.streaming.state import State
from mlmon_dagster.errors import DataError

BUCKETS = 5
"""Buckets of one size that are kept; one more, and the two oldest become one of twice the size."""

SHORTEST = 5
"""Values that each side of a cut has at least."""


class Adwin:
    """Watches a number by comparing the older with the newer part of a window, at every cut.

    The window is kept as buckets of 1, 2, 4, ... values (their number, mean and sum of squares): memory and time grow
    with the logarithm of its length. A cut into n0 older and n1 newer values shows a change when their means differ by
    more than sqrt(2/m v ln(2/d)) + 2/(3m) r ln(2/d), with 1/m = 1/n0 + 1/n1, v the variance of the window of n values,
    r = `scale` and d = `confidence` / ln n; then the oldest buckets are dropped until no cut shows one.

    `confidence` bounds the share of false alarms, `scale` is the width of the range the values come from: 1 for shares
    and for errors of 0 or 1. Cuts are tried at every `every`-th value. The state's `value` is the largest difference of
    means as a multiple of what chance explains, so its `limit` is 1; `seen` is the length of the window.
    Source: Bifet and Gavalda, "Learning from Time-Changing Data with Adaptive Windowing" (ADWIN2), 2007.

    >>> detector = Adwin()
    >>> [detector.update(value).changed for value in [0.0] * 200 + [1.0] * 60].index(True)
    223
    """

    __slots__ = ("_confidence", "_count", "_every", "_left", "_mean", "_new", "_rows", "_scale", "_squares", "_value")

    def __init__(self, *, confidence: float = 0.002, scale: float = 1.0, every: int = 32) -> None:
        if not 0 < confidence < 1 or not (scale > 0 and isfinite(scale)) or every < 1:
            raise DataError(
                f"ADWIN needs 0 < confidence < 1, scale > 0 and every >= 1, got {confidence}, {scale} and {every}"
            )
        self._confidence, self._scale, self._every = confidence, scale, every
        self._rows: list[list[tuple[float, float]]] = [[]]  # row i: (mean, squares) of 2**i values each, oldest first
        self._count, self._mean, self._squares = 0, 0.0, 0.0
        self._new: list[float] = []  # values since a cut was last tried: what they change is worked out then
        self._left, self._value = every, 0.0

    @property
    def mean(self) -> float:
        """Mean of the window; NaN without a value."""
        self._add()
        return self._mean if self._count else float("nan")

    def update(self, value: float) -> State:
        """The state after this value."""
        new = self._new
        if not isfinite(value):
            return State(self._value, 1.0, False, self._count + len(new))
        new.append(value)
        self._left -= 1
        if self._left:
            return State(self._value, 1.0, False, self._count + len(new))
        self._left = self._every
        self._add()
        found = self._value = self._largest()
        while self._value > 1:
            self._drop()
            self._value = self._largest()
        return State(found, 1.0, found > 1, self._count)

    def _add(self) -> None:
        """The new values to the window, in the order they came (Welford 1962)."""
        count, mean, squares, newest = self._count, self._mean, self._squares, self._rows[0]
        for value in self._new:
            apart = value - mean
            mean += apart / (count + 1)
            squares += apart * apart * count / (count + 1)
            count += 1
            newest.append((value, 0.0))
            if len(newest) > BUCKETS:
                self._merge()
        self._count, self._mean, self._squares = count, mean, squares
        self._new.clear()

    def _merge(self) -> None:
        """The two oldest buckets of every size of which there are too many become one of the next."""
        size = 1
        for place, row in enumerate(self._rows):
            if len(row) <= BUCKETS:
                return
            (mean, squares), (other, more) = row[0], row[1]
            apart = other - mean
            del row[:2]
            if place + 1 == len(self._rows):
                self._rows.append([])
            self._rows[place + 1].append((mean + apart / 2, squares + more + apart * apart * size / 2))
            size *= 2

    def _drop(self) -> None:
        """Without its oldest bucket."""
        size = 2 ** (len(self._rows) - 1)
        mean, squares = self._rows[-1].pop(0)
        while len(self._rows) > 1 and not self._rows[-1]:
            self._rows.pop()
        rest = self._count - size
        if not rest:
            self._count, self._mean, self._squares = 0, 0.0, 0.0
            return
        left = (self._count * self._mean - size * mean) / rest
        between = (mean - left) ** 2 * size * rest / self._count
        self._squares = max(0.0, self._squares - squares - between)
        self._count, self._mean = rest, left

    def _largest(self) -> float:
        """The largest difference of means over all cuts, as a multiple of what chance explains."""
        if self._count < 2 * SHORTEST:
            return 0.0
        doubt = log(2 * log(self._count) / self._confidence)
        spread, edge = 2 * self._squares / self._count * doubt, 2 / 3 * self._scale * doubt
        largest, older, total, count, whole = 0.0, 0, 0.0, self._count, self._count * self._mean
        for place in range(len(self._rows) - 1, -1, -1):
            size = 2**place
            for mean, _ in self._rows[place]:
                older, total = older + size, total + size * mean
                newer = count - older
                if older < SHORTEST:
                    continue
                if newer < SHORTEST:
                    return largest
                inverse = 1 / older + 1 / newer
                allowed = sqrt(spread * inverse) + edge * inverse
                apart = abs(total / older - (whole - total) / newer)
                largest = max(largest, apart / allowed if allowed else inf)
        return largest
