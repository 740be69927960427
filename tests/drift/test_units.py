"""Counting unsorted floats by whole units gives every number that counting them in order gives."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numbers_of_all_kinds import columns
from often import often

from mlmon_dagster.drift import units
from mlmon_dagster.drift.bins import binned
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.grid import Grid


@pytest.fixture(autouse=True)
def _in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(units, "BLOCK", 4)
    monkeypatch.setattr(units, "LEAST", 1)
    monkeypatch.setattr(units, "SHARE", 1)
    return iter(())


def numbers_of(column: Column, grid: Grid) -> tuple[object, ...]:
    found = binned(column, grid)
    assert found.bins is not None
    assert found.weights is not None
    bins = found.bins
    return (
        found.weights.tolist(), bins.sums.tolist(), bins.total, bins.square_total, bins.rows, bins.low, bins.high,
        bins.clipped, bins.whole, found.missing, found.infinite, found.minus_infinite, found.present,
    )  # fmt: skip


def both_ways(rows: np.ndarray, grid: Grid) -> None:
    unsorted = Column.of("x", rows, in_order=False)
    assert numbers_of(unsorted, grid) == numbers_of(Column.of("x", rows), grid)


@often
@given(columns(), columns(), st.sampled_from([np.float64, np.float32]), st.integers(0, 3))
def test_every_number_is_the_same(before: np.ndarray, now: np.ndarray, dtype: type, gaps: int) -> None:
    with np.errstate(over="ignore"):
        rows = now.astype(dtype)
    grid = Grid.of(Column.of("x", before.astype(np.float64)))
    both_ways(np.concatenate([rows, [np.nan, np.inf, -np.inf][:gaps]]).astype(dtype), grid)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.3, 5.0]), st.integers(1, 4000), st.integers(0, 3))
def test_rows_on_an_edge_next_to_it_and_far_away_are_told_apart(seed: int, shift: float, rows: int, far: int) -> None:
    random = np.random.default_rng(seed)
    reference = random.normal(size=2000)
    edges = random.choice(reference, min(rows, 300))
    near = np.concatenate([np.nextafter(edges, np.inf), edges, np.nextafter(edges, -np.inf)])
    window = np.concatenate([random.normal(shift, size=rows), near, [1e300, -40.0, 7e9][:far]])
    random.shuffle(window)
    both_ways(window, Grid.of(Column.of("x", reference)))


def test_the_units_are_counted_and_not_the_floats() -> None:
    """What the tests above would also say of a way that is never taken."""
    random = np.random.default_rng(0)
    reference, window = random.normal(size=(2, 5000))
    column = Column.of("x", window, in_order=False)
    binned(column, Grid.of(Column.of("x", reference)))
    assert column.unsorted is not None
    assert column.ascending.tolist() == np.sort(window).tolist()
    assert column.unsorted is None
