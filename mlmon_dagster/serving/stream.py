"""Detectors over the stream of recent drift scores: whether live records as a whole have moved from the reference."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.drift.scorer import Calibration
from mlmon_dagster.drift.streaming.adwin import Adwin
from mlmon_dagster.drift.streaming.ewma import Ewma
from mlmon_dagster.drift.streaming.page_hinkley import PageHinkley
from mlmon_dagster.drift.streaming.state import Detector, State

SINGLE = 4
"""Scores since the last look that are watched one by one; more are watched as one standardised mean."""

RUN_LENGTH = 10_000_000
"""Values between two false alarms of the moving average, for independent and roughly normal scores."""


NOTHING = State(0.0, math.inf, False, 0)


@dataclass
class Watched:
    """One detector, its last state, and how often it has found a change."""

    detector: Detector
    state: State = NOTHING
    changes: int = 0
    changed_at: float | None = None


class ScoreStream:
    """Watches the mean drift score against the reference's own scores.

    `observe` costs nothing; `look`, once a second, feeds the detectors with what came since: each score where they are
    few, and the mean of many, in units of its own standard deviation on the reference. Of a batch only its number of
    rows and their sum wait for the look.
    """

    def __init__(self, calibration: Calibration | None) -> None:
        self._recent: list[float] = []
        self._batches: list[tuple[int, float]] = []
        self.observe = self._recent.append
        self.watched: dict[str, Watched] = {}
        points = calibration.mean if calibration else ()
        mean = sum(points) / len(points) if points else 0.0
        deviation = math.sqrt(sum((one - mean) ** 2 for one in points) / len(points)) if points else 0.0
        self._mean, self._deviation = mean, deviation
        if deviation > 0:
            self.watched = {
                "ewma": Watched(Ewma(0.0, 1.0, run_length=RUN_LENGTH)),
                "page_hinkley": Watched(PageHinkley(allowance=0.5, threshold=30.0, direction="up")),
                "adwin": Watched(Adwin(scale=10.0)),
            }

    def observe_all(self, scores: np.ndarray) -> None:
        """Takes in the scores of a batch, shape (rows,)."""
        if len(scores) <= SINGLE:
            self._recent.extend(scores.tolist())
        else:
            self._batches.append((len(scores), float(scores.sum())))

    def look(self, now: float) -> None:
        """Feeds the detectors; `now` is seconds since 1970."""
        recent, self._recent[:] = self._recent[:], []
        batches, self._batches[:] = self._batches[:], []
        count = len(recent) + sum(rows for rows, _ in batches)
        if not count or not self.watched:
            return
        if count <= SINGLE:
            values = [(one - self._mean) / self._deviation for one in recent]
        else:
            total = sum(recent) + sum(scores for _, scores in batches)
            values = [(total - count * self._mean) / (self._deviation * math.sqrt(count))]
        for one in self.watched.values():
            for value in values:
                one.state = one.detector.update(value)
                if one.state.changed:
                    one.changes += 1
                    one.changed_at = now

    @property
    def facts(self) -> dict[str, Any]:
        """What `/health` says of it."""
        return {
            name: {
                "value": one.state.value,
                "limit": one.state.limit if math.isfinite(one.state.limit) else None,
                "changes": one.changes,
                "changed_at": one.changed_at,
            }
            for name, one in self.watched.items()
        }
