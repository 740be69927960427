"""Gradient boosting of small trees over coded columns: a light learner of our own, deterministic and without pickle."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.multivariate.encoding import BINS

DEPTH = 3
RATE = 0.15
SMOOTH = 5.0
"""Rows that every leaf is pulled towards nothing by."""


@dataclass(frozen=True)
class Trees:
    """A sum of trees of depth 3: each row takes the right branch where its code of a column is above the split.

    `columns` and `splits` have the shape (trees, 7), level by level; `leaves` (trees, 8).
    """

    start: float
    columns: Array
    splits: Array
    leaves: Array

    def scores(self, codes: Array) -> Array:
        """The sum for each row of codes, shape (rows,)."""
        rows = np.arange(len(codes))
        total = np.full(len(codes), self.start)
        for columns, splits, leaves in zip(self.columns, self.splits, self.leaves, strict=True):
            place = np.zeros(len(codes), dtype=np.int64)
            for _ in range(DEPTH):
                place = 2 * place + 1 + (codes[rows, columns[place]] > splits[place])
            total += leaves[place - (2**DEPTH - 1)]
        return total


def fit(codes: Array, target: Array, loss: Literal["squares", "logistic"], trees: int = 60) -> Trees:
    """Trees that predict a number (`squares`), or the log odds of `target` being 1 (`logistic`).

    Source: Friedman, "Greedy function approximation: a gradient boosting machine", 2001, with Newton's leaves.
    """
    mean = float(np.mean(target))
    start = mean if loss == "squares" else float(np.log((mean + 1e-9) / (1 - mean + 1e-9)))
    score = np.full(len(target), start)
    keys = codes.astype(np.int64) + BINS * np.arange(codes.shape[1])
    grown = []
    for _ in range(trees):
        if loss == "squares":
            slope, curve = target - score, np.ones(len(target))
        else:
            chance = 1 / (1 + np.exp(-score))
            slope, curve = target - chance, chance * (1 - chance)
        tree, step = _grow(codes, keys, slope, curve)
        score = score + step
        grown.append(tree)
    columns, splits, leaves = (np.stack(part) for part in zip(*grown, strict=True))
    return Trees(start, columns, splits, leaves)


def _grow(codes: Array, keys: Array, slope: Array, curve: Array) -> tuple[tuple[Array, Array, Array], Array]:
    """One tree, and what it adds to each row's score."""
    rows, width = codes.shape
    columns, splits = np.zeros(2**DEPTH - 1, dtype=np.int64), np.full(2**DEPTH - 1, BINS, dtype=np.int64)
    place = np.zeros(rows, dtype=np.int64)  # within its level
    for level in range(DEPTH):
        nodes, cells = 2**level, width * BINS
        flat = (place[:, None] * cells + keys).ravel()
        sums = [
            np.bincount(flat, weights=np.repeat(part, width), minlength=nodes * cells).reshape(nodes, width, BINS)
            for part in (slope, curve)
        ]
        best_columns, best_splits = _best(*sums)
        first = nodes - 1
        columns[first : first + nodes], splits[first : first + nodes] = best_columns, best_splits
        chosen = codes[np.arange(rows), best_columns[place]]
        place = 2 * place + (chosen > best_splits[place])
    up = np.bincount(place, weights=slope, minlength=2**DEPTH)
    down = np.bincount(place, weights=curve, minlength=2**DEPTH)
    leaves = RATE * up / (down + SMOOTH * float(curve.mean()))
    return (columns, splits, leaves), leaves[place]


def _best(slopes: Array, curves: Array) -> tuple[Array, Array]:
    """For each node the column and split of the largest gain; a node that gains nothing is not split."""
    left, weight = np.cumsum(slopes, axis=2), np.cumsum(curves, axis=2)
    total, whole = left[:, :, -1:], weight[:, :, -1:]
    smooth = 1e-9 + SMOOTH * whole / np.maximum(whole, 1.0)
    gain = left**2 / (weight + smooth) + (total - left) ** 2 / (whole - weight + smooth) - total**2 / (whole + smooth)
    flat = gain[:, :, :-1].reshape(len(gain), -1)
    best = np.argmax(flat, axis=1)
    columns, splits = best // (BINS - 1), best % (BINS - 1)
    return columns, np.where(flat[np.arange(len(flat)), best] > 1e-9, splits, BINS)
