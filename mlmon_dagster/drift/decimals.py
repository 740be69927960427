"""Floats that are whole numbers or have few decimals, such as prices: counted, which takes less than sorting them."""

import numpy as np

from mlmon_dagster.drift.search import Array

SCALES = (1, 100, 10_000)
"""Multiplied by one of these, numbers with no, two or four decimals are whole."""

SAMPLE = 64
"""Rows that are looked at before all are."""

LEAST = 1 << 17
"""Fewer rows are sorted as fast."""

BLOCK = 1 << 14
"""Rows worked on at a time: they fit the processor's cache."""


def widest(rows: int) -> int:
    """The range of whole numbers up to which counting so many rows takes less than sorting them."""
    return max(1024, min(4 * rows, 1 << 20))


def decimals(data: Array) -> tuple[Array, Array] | None:
    """The distinct values in order and the rows of each; None where a value has more decimals, or there are too many.

    Every value is compared with the quotient that stands for it, so nothing is rounded.

    >>> [found.tolist() for found in decimals(np.tile([7.5, 0.25, 7.5], 50_000))]
    [[0.25, 7.5], [50000, 100000]]
    """
    if len(data) < LEAST or not _holds(data[:1], SCALES[-1]):  # most columns end here
        return None
    scale = next((one for one in SCALES if _holds(data[:: max(1, len(data) // SAMPLE)], one)), None)
    least = data.min()
    low, high = float(least), float(data.max())
    if scale is None or not (high - low) * scale < widest(len(data)) or max(-low, high) * scale >= 2**31:
        return None
    first = np.rint(least * data.dtype.type(scale))
    whole = np.empty(len(data), dtype=np.int32)
    buffers = np.empty((2, BLOCK), dtype=data.dtype)
    for start in range(0, len(data), BLOCK):
        block = data[start : start + BLOCK]
        nearest, value = buffers[:, : len(block)]
        np.rint(np.multiply(block, scale, out=nearest), out=nearest)
        if not np.array_equal(np.divide(nearest, scale, out=value), block):
            return None
        np.subtract(nearest, first, out=nearest)  # of whole numbers close to each other: exact
        np.copyto(whole[start : start + BLOCK], nearest, casting="unsafe")
    counts = np.bincount(whole)
    there = np.nonzero(counts)[0]
    return np.divide(there + int(first), scale, dtype=data.dtype), counts[there]


def _holds(data: Array, scale: int) -> bool:
    with np.errstate(over="ignore"):
        return bool((np.rint(data * data.dtype.type(scale)) / data.dtype.type(scale) == data).all())
