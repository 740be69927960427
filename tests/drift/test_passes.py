"""The exact distance of a window that is only seen in pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_all_kinds import columns, numbers
from often import often

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.kolmogorov import largest_gap
from mlmon_dagster.drift.passes import exact_gap


@often
@given(columns(), columns(), st.integers(1, 4), st.sampled_from([1, 5, 100]), st.sampled_from([2, 6, 4000]))
def test_passes_give_the_fraction_that_all_values_give(
    before: np.ndarray, now: np.ndarray, pieces: int, values: int, levels: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlmon_dagster.drift.grid.LEVELS", levels)
        patch.setattr("mlmon_dagster.drift.passes.VALUES", values)
        reference = Column.of("x", before)
        found = exact_gap(reference, lambda: [Column.of("x", piece) for piece in np.array_split(now, pieces)])
    assert found.value == largest_gap(Column.of("x", before), Column.of("x", now))[0]


def test_three_passes_are_enough() -> None:
    reference, window = (numbers("normal", 200_000, seed) for seed in (1, 2))
    pieces = [Column.of("x", piece) for piece in np.array_split(window, 7)]
    found = exact_gap(Column.of("x", reference), lambda: pieces)
    assert found.value == largest_gap(Column.of("x", reference), Column.of("x", window))[0]
    assert found.passes <= 3
