"""The segment in which a column has drifted most: finds drift that the whole hides."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.correction import adjusted
from mlmon_dagster.drift.multivariate.encoding import BINS, Coding, Encoder
from mlmon_dagster.drift.multivariate.joint import JointMeasure, Learned, Table
from mlmon_dagster.drift.multivariate.matrix import thinned

LARGEST = 100_000
"""Rows of a side that are looked at; of more, as many, spread evenly."""

TOLD = 3
"""Segments that are named."""

QUARTER, POOLED = 8, 3
"""Neighbouring bins of numbers that are one segment, and one bin where they are compared."""


@dataclass(frozen=True)
class SegmentDrift:
    """Largest Jensen-Shannon distance of one column within one segment that chance does not explain: 0 to 1.

    Segments are the quarters, categories and gaps of each column with at least `segment_rows` rows on both sides; in
    each of them every other column is compared. The p-value is the G-test's, corrected for all of these comparisons
    together (Benjamini and Hochberg), so that searching finds nothing in noise. The reference is kept as counts of
    pairs of bins. A column that drifts everywhere is found too, where it drifts most.
    Source: Lin, "Divergence Measures Based on the Shannon Entropy", 1991; Benjamini and Hochberg, "Controlling the
    False Discovery Rate", 1995.
    """

    default_threshold: ClassVar[float] = 0.2
    unit: ClassVar[str] = "distance, base 2"

    segment_rows: Annotated[int, Field(ge=20, description="rows that a segment needs on both sides")] = 100
    rate: Annotated[float, Field(gt=0, lt=1, description="false discoveries among the segments that are told")] = 0.01

    def learn(self, reference: Table) -> Learned:
        reference = thinned(reference, LARGEST)
        encoder = Encoder.of(reference)
        about, edges = encoder.packed("edges.")
        return Learned({"encoder": about}, {**edges, "pairs": _pairs(encoder.codes(reference))})

    def measure(self, learned: Learned, window: Table) -> JointMeasure:
        from scipy.special import chdtrc

        encoder = Encoder.unpacked(learned.about["encoder"], learned.arrays, "edges.")
        before = _pooled(learned.arrays["pairs"], encoder)
        now = _pooled(_pairs(encoder.codes(thinned(window, LARGEST))), encoder)
        n, m = before.sum(axis=3), now.sum(axis=3)
        enough = (n >= self.segment_rows) & (m >= self.segment_rows)
        enough[np.arange(len(n)), :, np.arange(len(n))] = False  # a segment says nothing of its own column
        where = np.argwhere(enough)
        if not len(where):
            return JointMeasure(0.0, 1.0, {"segment_drift.segments": 0.0, "segment_drift.compared": 0.0})
        distance, statistic, free = _compared(before[enough], now[enough])
        p_values = np.array(adjusted(chdtrc(np.maximum(free, 1), statistic).tolist()))
        found = p_values < self.rate
        order = np.lexsort((p_values, -np.where(found, distance, 0.0)))
        first = order[0]
        names, codings = tuple(encoder.codings), tuple(encoder.codings.values())
        told = [
            f"{names[target]} where {_condition(names[column], codings[column], code)}"
            for column, code, target in where[order[:TOLD]].tolist()
        ]
        numbers = {
            "segment_drift.segments": float(len(np.unique(where[found][:, :2], axis=0))),
            "segment_drift.compared": float(len(where)),
            "segment_drift.rows": float(m[enough][first]),
        }
        return JointMeasure(float(distance[first]), float(p_values[first]), numbers, tuple(told))


def _pairs(codes: Array) -> Array:
    """Rows by the codes of each two columns: (columns, 32, columns, 32)."""
    width = codes.shape[1]
    found = np.zeros((width, BINS, width, BINS), dtype=np.int64)
    wide = codes.astype(np.int64)
    for one in range(width):
        for two in range(one, width):
            counts = np.bincount(wide[:, one] * BINS + wide[:, two], minlength=BINS**2).reshape(BINS, BINS)
            found[one, :, two], found[two, :, one] = counts, counts.T
    return found


def _pooled(pairs: Array, encoder: Encoder) -> Array:
    """Neighbouring bins of numbers added up: (columns, segments, columns, bins)."""
    segments, found = np.zeros_like(pairs), np.zeros_like(pairs)
    for place, coding in enumerate(encoder.codings.values()):
        for code, into in enumerate(_into(coding, QUARTER)):
            segments[place, into] += pairs[place, code]
    for place, coding in enumerate(encoder.codings.values()):
        for code, into in enumerate(_into(coding, POOLED)):
            found[:, :, place, into] += segments[:, :, place, code]
    return found


def _into(coding: Coding, together: int) -> range | list[int]:
    """Where each code goes: so many neighbouring bins of numbers together; 0 is missing and stays alone."""
    return range(BINS) if coding.edges is None else [-(-code // together) for code in range(BINS)]


def _compared(before: Array, now: Array) -> tuple[Array, Array, Array]:
    """For each row of counts the Jensen-Shannon distance, the G statistic and its degrees of freedom."""
    n, m = before.sum(axis=1, keepdims=True), now.sum(axis=1, keepdims=True)
    p, q = before / n, now / m
    divergence = (_relative(p, (p + q) / 2) + _relative(q, (p + q) / 2)) / 2 / np.log(2)
    pooled = (before + now) / (n + m)
    statistic = 2 * (n[:, 0] * _relative(p, pooled) + m[:, 0] * _relative(q, pooled))
    return np.sqrt(np.maximum(divergence, 0)), np.maximum(statistic, 0), ((before + now) > 0).sum(axis=1) - 1


def _relative(p: Array, q: Array) -> Array:
    """Kullback-Leibler divergence of each row, in nats."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), 0.0)
    return np.asarray(terms.sum(axis=1))


def _condition(name: str, coding: Coding, code: int) -> str:
    """A segment in words: a category, or a quarter of the bins."""
    if code == 0:
        return f"{name} is missing"
    if coding.edges is None:
        known = code <= len(coding.categories)
        return f"{name} is {coding.categories[code - 1]!r}" if known else f"{name} is none of the usual"
    edges = coding.edges.tolist()
    low, high = QUARTER * (code - 1) - 1, QUARTER * code - 1
    above = f" above {edges[low]:g}" if low >= 0 else ""
    upto = f" up to {edges[high]:g}" if high < len(edges) else ""
    return f"{name} is{above}{upto}" if above or upto else f"{name} is there"
