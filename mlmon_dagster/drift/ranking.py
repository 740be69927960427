"""How well scores rank rows: the area under ROC and the largest gap of two classes, exact, by one sort."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlmon_dagster.drift.column import BLOCK
from mlmon_dagster.drift.search import Array


@dataclass(frozen=True)
class Ranking:
    """What one sort of the scores tells, for rows in which a condition holds (positive) or not.

    `area` is the share of pairs (positive, negative) in the right order, ties half: the area under ROC. `gap` is the
    largest difference of the two cumulative shares: the Kolmogorov-Smirnov distance of the classes.
    """

    area: float
    gap: float


def ranked(truth: Array, scores: Array) -> Ranking:
    """The ranking of finite scores (float) by a condition (bool) that holds in some rows and not in others.

    The order of floats of one sign is that of their bits, of which the sign's is then free for the condition: both are
    sorted as one whole number. Every pair is counted in whole numbers; only the last step divides.
    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982.

    >>> ranked(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.4, 0.8]))
    Ranking(area=0.875, gap=0.5)
    """
    scores = np.asarray(scores, dtype=np.float64) + 0.0  # -0.0 is 0.0
    if scores.min() < 0:
        sides = [(scores[side].view(np.uint64), truth[side]) for side in (scores < 0, scores >= 0)]
        parts = [(~sides[0][0], sides[0][1]), sides[1]]
    else:
        parts = [(scores.view(np.uint64), truth)]
    m = len(scores) - (n := int(np.count_nonzero(truth)))
    before, twice, gap = (0, 0), 0, 0
    for bits, holds in parts:
        for positives, negatives in _counted(bits, holds):
            positive, negative = np.cumsum(positives) + before[0], np.cumsum(negatives) + before[1]
            twice += int(np.dot(positives, 2 * negative - negatives))
            gap = max(gap, int(np.abs(positive * m - negative * n).max()))
            before = int(positive[-1]), int(negative[-1])
    return Ranking(twice / (2 * n * m), gap / (n * m))


def _counted(bits: Array, holds: Array) -> Iterator[tuple[Array, Array]]:
    """How many rows of each distinct score are positive and negative, in order, some thousand scores at a time.

    The bits of the scores fill 63 and are used up.
    """
    keys, one = bits, np.uint64(1)
    keys <<= one
    keys |= holds
    keys.sort()
    start = 0
    while start < len(keys):
        stop = min(start + BLOCK, len(keys))
        stop = int(np.searchsorted(keys, keys[stop - 1] | one, side="right"))  # rows of one score stay together
        block = keys[start:stop]
        ends = np.nonzero(np.append((block[1:] ^ block[:-1]) > one, True))[0]
        positives = np.diff(np.cumsum(block & one, dtype=np.int64)[ends], prepend=0)
        yield positives, np.diff(ends, prepend=-1) - positives
        start = stop
