"""From raw scores to the prediction: base, division, link and classes, the same for one row and for many."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """prediction = link((score + base) / divide), or the class with the largest score.

    With two classes and one score it is the second class where the score is above 0 (`at_zero`: or equal).
    """

    base: tuple[float, ...] = ()
    divide: float = 1.0
    exponential: bool = False
    classes: tuple[Any, ...] = ()
    at_zero: bool = False

    @property
    def only_adds(self) -> bool:
        """Whether the prediction is the score and the base, and nothing else."""
        return not self.classes and not self.exponential and self.divide == 1.0

    def of_score(self, score: float) -> Any:
        """The prediction of a row with one raw score."""
        if self.base:
            score = score + self.base[0]
        if self.classes:
            return self.classes[1 if score > 0 or (self.at_zero and score == 0) else 0]
        if self.exponential:
            return math.exp(score)
        return score / self.divide

    def of_scores(self, scores: np.ndarray) -> np.ndarray:
        """The predictions of rows, from raw scores of shape (rows, outputs): shape (rows,)."""
        if self.base:
            scores = scores + np.array(self.base)
        if self.classes:
            if scores.shape[1] == 1:
                chosen = (scores[:, 0] > 0) | (self.at_zero & (scores[:, 0] == 0))
                return np.asarray(np.array(self.classes)[chosen.astype(int)])
            return np.asarray(np.array(self.classes)[np.argmax(scores, axis=1)])
        if self.exponential:
            return np.array([math.exp(one) for one in scores[:, 0]])
        return scores[:, 0] / self.divide

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Outcome":
        """From JSON."""
        lists = {name: tuple(document[name]) for name in ("base", "classes")}
        return cls(**{**document, **lists})
