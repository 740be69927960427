"""What is estimated of a window's performance, between which bounds, and whether to believe it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.multivariate.encoding import Encoder

BELIEVED = 0.5
"""Validity below which an estimate is not believed."""

NEEDED = 200
"""Rows of the reference that should speak for the window's predictions."""

TOLERATED = 0.1
"""Calibration error at which nothing is believed any more."""

LEVELS = 20
"""Equally filled bins of the reference's scores, in which a window's scores are looked up."""


@dataclass(frozen=True)
class Estimate:
    """A metric without labels; `low` to `high` aims at the true one in 95 of 100 windows, while the concept stays.

    `validity` (0 to 1) is the least of its `parts`: `support`, the share of rows whose inputs lie where the reference
    has values; `coverage`, how many of the reference's rows speak for the window's predictions; and `calibration`, how
    well the reference's own rows were estimated.
    """

    metric: str
    value: float
    low: float
    high: float
    parts: Mapping[str, float]

    @property
    def validity(self) -> float:
        """The least of the parts."""
        return min(self.parts.values())

    @property
    def believed(self) -> bool:
        """Whether the estimate is worth a verdict."""
        return self.validity >= BELIEVED

    @property
    def doubt(self) -> str:
        """Why it is not believed; empty where it is."""
        said = {
            "support": "{:.0%} of the rows have inputs that the reference never had",
            "coverage": "hardly a row of the reference has predictions like those of the window ({:.0%} missing)",
            "calibration": "on the reference itself it is wrong ({:.0%} of what is tolerated)",
        }
        weak = [(part, said[name]) for name, part in self.parts.items() if part < BELIEVED]
        return "; ".join(text.format(1 - part) for part, text in weak)


@dataclass(frozen=True)
class Support:
    """Where the reference has inputs, and where its scores lie."""

    encoder: Encoder
    edges: Array
    shares: Array
    rows: int
    error: float
    """Calibration error on the reference."""

    @classmethod
    def of(cls, columns: Mapping[str, Any], scores: Array, error: float) -> "Support":
        """The support that the reference's inputs and scores give."""
        edges = np.unique(np.quantile(scores, np.arange(1, LEVELS) / LEVELS, method="inverted_cdf"))
        return cls(Encoder.of(columns), edges, _shares(scores, edges), len(scores), error)

    def parts(self, columns: Mapping[str, Any], scores: Array) -> dict[str, float]:
        """How far a window lies within it, each part from 0 to 1."""
        now = _shares(scores, self.edges)
        ratio = 1 / float(np.sum(now**2 / self.shares))  # Kish's effective share of reference rows
        return {
            "support": float(self.encoder.inside(columns).mean()),
            "coverage": min(1.0, self.rows * ratio / NEEDED),
            "calibration": max(0.0, 1 - self.error / TOLERATED / 2),
        }


def _shares(scores: Array, edges: Array) -> Array:
    counts = np.bincount(np.searchsorted(edges, scores, side="left"), minlength=len(edges) + 1)
    return (counts + 1e-9) / (len(scores) + 1e-9 * len(counts))
