"""The order in which the rows of a batch go through the trees: like ones together, whose ways the processor guesses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlmon_dagster.adapters.compiled.forest import Tree

DEPTH = 6
TREES = 2
"""Two trees to a depth of six tell 4,096 kinds of rows apart; more kinds make no batch quicker."""


@dataclass(frozen=True)
class Splits:
    """The first splits of a tree, as those of a complete one: below split n lie 2n + 1 and 2n + 2."""

    features: tuple[int, ...]
    thresholds: tuple[float, ...]

    @classmethod
    def of(cls, tree: Tree) -> "Splits":
        """From a tree; where it ends early, every row goes left."""
        count = 2**DEPTH - 1
        features, thresholds = [0] * count, [float(np.finfo(np.float64).max)] * count
        nodes = {0: 0}
        for place in range(count):
            node = nodes.get(place)
            if node is None or tree.left[node] == -1:
                continue
            features[place], thresholds[place] = int(tree.feature[node]), float(tree.threshold[node])
            nodes |= {2 * place + 1: int(tree.left[node]), 2 * place + 2: int(tree.right[node])}
        return cls(tuple(features), tuple(thresholds))


class Order:
    """Sorts rows by where the splits send them. Predictions do not depend on it, only their time does."""

    def __init__(self, splits: Sequence[Splits]) -> None:
        self._trees = [(np.array(one.features), np.array(one.thresholds)) for one in splits]

    def of(self, matrix: np.ndarray) -> np.ndarray:
        """The places of the rows (n, inputs), neighbours next to each other: shape (n,).

        >>> one = Splits((0,), (1.5,))
        >>> Order([one]).of(np.array([[2.0], [1.0], [3.0], [0.0]])).tolist()
        [1, 3, 0, 2]
        """
        flat, begins = matrix.ravel(), np.arange(len(matrix)) * matrix.shape[1]
        kind = np.zeros(len(matrix), np.int64)
        for features, thresholds in self._trees:
            place = np.zeros(len(matrix), np.int64)
            for _ in range(len(features).bit_length()):
                place = 2 * place + 1 + (flat[begins + features[place]] > thresholds[place])
            kind = kind * (len(features) + 1) + place - len(features)
        return np.argsort(kind, kind="stable")
