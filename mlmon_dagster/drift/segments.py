"""Where a model is worst, and which columns explain that it became worse; losses are one number a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.multivariate.encoding import BINS, Encoder

PARTS = 4
"""Equally filled parts that a column of numbers is cut into for the search."""

BESIDE = 6
"""Conditions that are combined with one another: those that were worst alone."""


@dataclass(frozen=True)
class Segment:
    """Rows that conditions name, found on one half of the rows and measured on the other, which did not choose it."""

    text: str
    rows: int
    """Rows of the half it is measured on."""
    loss: float
    rest: float
    """Mean loss of the segment, and of all other rows."""
    p_value: float
    """Of so large a difference by chance (Welch, one-sided). The half it is measured on was looked at once."""


@dataclass(frozen=True)
class Cause:
    """How much of a change of the mean loss one column explains.

    `mix` is what other shares of its values would have changed had each value's loss stayed; `within` the rest.
    """

    column: str
    mix: float
    within: float


@dataclass(frozen=True)
class LossTable:
    """Rows and losses of the reference by the codes of each column."""

    encoder: Encoder
    counts: Array
    """Shape (columns, 32)."""
    losses: Array

    @classmethod
    def of(cls, columns: Mapping[str, Any], loss: Array) -> "LossTable":
        """From the reference's inputs and the loss of each row."""
        encoder = Encoder.of(columns)
        return cls(encoder, *_by_code(encoder.codes(columns), loss))

    def causes(self, columns: Mapping[str, Any], loss: Array) -> tuple[Cause, ...]:
        """Columns by how much of the window's change of the mean loss their mix explains, the most first.

        A code that the reference never had explains nothing by mix: what it loses is within.
        Source: Kitagawa, "Components of a Difference Between Two Rates", 1955.
        """
        counts, losses = _by_code(self.encoder.codes(columns), loss)
        before, now = (table / table.sum(axis=1, keepdims=True) for table in (self.counts, counts))
        mean = self.losses.sum(axis=1) / self.counts.sum(axis=1)
        known = np.where(self.counts > 0, self.losses / np.maximum(self.counts, 1), mean[:, None])
        mix = np.sum((now - before) * known, axis=1)
        change = losses.sum(axis=1) / counts.sum(axis=1) - mean
        sign = np.sign(change)
        order = np.argsort(-mix * sign, kind="stable")
        names = tuple(self.encoder.codings)
        return tuple(Cause(names[one], float(mix[one]), float(change[one] - mix[one])) for one in order)


def worst_segment(
    columns: Mapping[str, Any], loss: Array, *, minimum: int = 50, significance: float = 0.01
) -> Segment | None:
    """The segment of at least `minimum` rows on each half whose mean loss exceeds the rest's the clearest, or None.

    Segments are one condition (a quarter of a column's numbers, a category, a missing value) or two. Every second row
    chooses among all of them; the other rows alone say how large the difference is and whether chance explains it, so
    that it does not matter how many were tried.
    Source: Cox, "A note on data-splitting for the evaluation of significance levels", 1975.

    >>> sides = np.repeat(["left", "right"], 200)
    >>> found = worst_segment({"side": sides}, np.where(sides == "right", 2.0, 1.0) + np.tile([0.0, 0.1], 200))
    >>> found.text, round(found.loss - found.rest, 6)
    ("side is 'right'", 1.0)
    """
    half = np.arange(len(loss)) // 2 % 2 == 0
    single = {text: mask for name, values in columns.items() for text, mask in _conditions(name, values)}
    ranked = sorted(single, key=lambda text: -_score(single[text] & half, loss, half, minimum))
    masks = dict(single)
    for first, second in combinations(ranked[:BESIDE], 2):
        masks[f"{first} and {second}"] = single[first] & single[second]
    scores = {text: _score(mask & half, loss, half, minimum) for text, mask in masks.items()}
    best = max(scores, key=lambda text: scores[text], default=None)
    if best is None or scores[best] <= 0:
        return None
    inside, outside = masks[best] & ~half, ~masks[best] & ~half
    if inside.sum() < minimum or outside.sum() < minimum:
        return None
    p_value = _p_value(_z(loss[inside], loss[outside]))
    if p_value >= significance:
        return None
    return Segment(best, int(inside.sum()), float(loss[inside].mean()), float(loss[outside].mean()), p_value)


def _conditions(name: str, values: Any) -> list[tuple[str, Array]]:
    array = np.asarray(values)
    if array.dtype.kind in "iuf":
        numbers = array.astype(np.float64)
        present = numbers[np.isfinite(numbers)]
        found = [(f"{name} is missing", np.isnan(numbers))]
        if len(present):
            edges = np.unique(np.quantile(present, np.arange(1, PARTS) / PARTS, method="inverted_cdf"))
            bounds = [-np.inf, *edges.tolist(), np.inf]
            for low, high in pairwise(bounds):
                found.append((_between(name, low, high), (numbers > low) & (numbers <= high)))
        return found
    texts = np.array([str(value) if value is not None else "" for value in array.tolist()], dtype=np.str_)
    missing = np.array([value is None for value in array.tolist()], dtype=bool)
    known, counts = np.unique(texts[~missing], return_counts=True)
    frequent = known[np.argsort(-counts, kind="stable")[:BINS]]
    return [
        (f"{name} is missing", missing),
        *((f"{name} is {one!r}", (texts == one) & ~missing) for one in frequent.tolist()),
    ]


def _between(name: str, low: float, high: float) -> str:
    if low == -np.inf:
        return f"{name} up to {high:g}"
    return f"{name} above {low:g}" if high == np.inf else f"{name} above {low:g} up to {high:g}"


def _score(inside: Array, loss: Array, half: Array, minimum: int) -> float:
    outside = half & ~inside
    if inside.sum() < minimum or outside.sum() < minimum:
        return 0.0
    return _z(loss[inside], loss[outside])


def _z(inside: Array, outside: Array) -> float:
    difference = float(inside.mean() - outside.mean())
    noise = float(np.sqrt(inside.var() / len(inside) + outside.var() / len(outside)))
    return difference / noise if noise else np.inf if difference > 0 else 0.0


def _p_value(z: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(-z))


def _by_code(codes: Array, loss: Array) -> tuple[Array, Array]:
    counts = [np.bincount(codes[:, place], minlength=BINS) for place in range(codes.shape[1])]
    losses = [np.bincount(codes[:, place], weights=loss, minlength=BINS) for place in range(codes.shape[1])]
    return np.stack(counts), np.stack(losses)
