"""Profiles from pieces of columns: counted on the grids of another profile, or on grids of their own in two passes."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from mlmon_dagster.drift.bins import binned, merged
from mlmon_dagster.drift.column import Array, Column
from mlmon_dagster.drift.grid import Grid
from mlmon_dagster.drift.profile import EXACT, add, compact, like
from mlmon_dagster.errors import DataError

SAMPLE = 1_000_000
"""Rows that the edges of a streamed column are taken from: every k-th of all."""

TEXTS = 1_000_000
"""Distinct texts above which a column is told to be an identifier, and not a category."""


def counted(reference: Column, pieces: Iterable[Column]) -> Column:
    """The pieces together, counted as the reference's column is kept; the same for any cut into pieces."""
    total: Column | None = None
    for piece in pieces:
        found = like(reference, piece)
        total = found if total is None else add(total, found)
    return like(reference, Column(reference.name, reference.kind, reference.ascending[:0])) if total is None else total


def built(
    name: str, pieces: Callable[[], Iterator[Column]], sample: Callable[[], Column], *, exact: bool = False
) -> Column:
    """A column as a profile keeps it, from one pass over its pieces, or two where it has many values.

    The first pass keeps all values while they are few. Otherwise a `sample` gives the edges between which the second
    pass counts every row. The same rows in the same order give the same column, however they are cut into pieces.
    """
    known: Column | None = None
    few, any_rows = True, False
    low: Array | None = None
    high: Array | None = None
    for piece in pieces():
        any_rows = True
        if piece.present and piece.ordered:
            low = piece.ascending[:1] if low is None else min(low, piece.ascending[:1])
            high = piece.ascending[-1:] if high is None else max(high, piece.ascending[-1:])
        if few and not exact and piece.ordered and len(piece.values) > EXACT:
            few, known = False, None
        if few:
            known = piece if known is None else add(known, piece)
            few = exact or len(known.values) <= (EXACT if known.ordered else TEXTS)
            if not few and not known.ordered:
                raise DataError(
                    f"column {name!r} has more than {TEXTS:,} distinct texts: it identifies rows and is no category",
                    hint="leave it out",
                )
    if not any_rows:
        return Column(name, "numeric", np.zeros(0))
    if few and known is not None:
        return known if exact else compact(known)
    known = None  # its memory serves the second pass
    grid = Grid.of(_reaching(sample(), low, high))
    total: Column | None = None
    for piece in pieces():
        total = binned(piece, grid) if total is None else merged(total, binned(piece, grid))
    assert total is not None  # noqa: S101 - there were pieces
    return total


def _reaching(sample: Column, low: Array | None, high: Array | None) -> Column:
    """The sample with the smallest and the largest value of all, where it missed them."""
    held = sample.ascending
    if low is None or high is None or sample.weights is not None:
        return sample
    below, above = (low, high) if not len(held) else (low[low < held[0]], high[high > held[-1]])
    return sample.but(ascending=np.concatenate([below, held, above])) if len(below) + len(above) else sample
