"""The kernel against brute force and scipy, over every kind of numbers: exact is exact, and bounds hold."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_all_kinds import columns, numbers
from often import often
from scipy import stats

from mlmon_dagster.drift.bins import Bins, binned, merged
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.grid import BITS, Grid
from mlmon_dagster.drift.kolmogorov import largest_gap
from mlmon_dagster.drift.search import at_most, below, previous
from mlmon_dagster.drift.transport import area

SHORT = {"PART": 3, "SPLIT": 2, "ENOUGH": 4, "LONG": 8, "SEEN": 3, "FEW": 6}
"""What makes few rows go the ways of many."""


def column(values: object, weights: object = None) -> Column:
    return Column.of("x", values, weights=weights)


def ranks(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as ranks among their exact values: what only depends on order can be computed in small numbers."""
    exact = sorted({Fraction(value) for value in (*before.tolist(), *now.tolist())})
    place = {value: rank for rank, value in enumerate(exact)}
    return (np.array([place[Fraction(value)] for value in side.tolist()]) for side in (before, now))  # type: ignore[return-value]


def brute_ks(before: np.ndarray, now: np.ndarray) -> int:
    """The largest difference of the cumulative counts times n m, value by value."""
    x, y = ranks(before, now)
    at = np.arange(max(x.max(), y.max()) + 1)
    f, g = ((side[None, :] <= at[:, None]).sum(1) for side in (x, y))
    return int(np.abs(f * len(y) - g * len(x)).max())


def kept_small(column: Column, levels: int) -> Column:
    """The column in the bins of a coarse grid, so that few rows already share bins."""
    return binned(column, coarse(column, levels))


def coarse(column: Column, levels: int) -> Grid:
    fine = Grid.of(column)
    atoms = column.values[column.counts * 2 * levels > column.present]
    ends = fine.edges[:: max(1, len(fine.edges) // levels)]
    tight = np.concatenate([atoms.astype(fine.edges.dtype), fine.edges[1:2]])
    edges = np.unique(np.concatenate([ends, tight, previous(tight), fine.edges[-1:]]))
    return Grid(edges, fine.origin, fine.exponent)


@often
@given(columns(), columns(), st.sampled_from([2, 6, 4000]), st.sampled_from([{}, SHORT]))
def test_ks_is_bit_for_bit_the_brute_force_fraction(
    before: np.ndarray, now: np.ndarray, levels: int, short: dict[str, int]
) -> None:
    expected = brute_ks(before, now) / (len(before) * len(now))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlmon_dagster.drift.grid.LEVELS", levels)
        for name, value in short.items():
            patch.setattr(f"mlmon_dagster.drift.kolmogorov.{name}", value)
        assert largest_gap(column(before), column(now)) == (expected, expected)


@often
@given(columns(), columns(), st.sampled_from([3, 10, 40]))
def test_ks_from_bins_lies_between_its_bounds(before: np.ndarray, now: np.ndarray, levels: int) -> None:
    reference = kept_small(column(before), levels)
    low, high = largest_gap(reference, column(now))
    exact = brute_ks(before, now) / (len(before) * len(now))
    assert low <= exact <= high


@often
@given(columns(), columns())
def test_wasserstein_equals_scipy(before: np.ndarray, now: np.ndarray) -> None:
    origin = int(before.min()) if before.dtype.kind in "iu" else 0
    shifted = [np.array([float(value - origin) for value in side.tolist()]) for side in (before, now)]
    expected = stats.wasserstein_distance(*shifted)
    largest = max(np.abs(side).max() for side in shifted)
    value, low, high = area(column(before), column(now))
    assert low == high == value == pytest.approx(expected, rel=1e-9, abs=1e-12 * largest)


@often
@given(columns(), columns(), st.booleans(), st.sampled_from([0.01, 0.1, 0.25]), st.sampled_from([4, 8192]))
def test_wasserstein_between_quantiles_is_that_of_clipped_values(
    before: np.ndarray, now: np.ndarray, equal: bool, clip: float, block: int
) -> None:
    if equal:
        before, now = before[: len(now)], now[: len(before)]
    cut = int(len(before) * clip)
    low, high = np.sort(before)[[cut, len(before) - 1 - cut]].tolist()
    exact = [np.array([min(max(value, low), high) - low for value in side.tolist()], float) for side in (before, now)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlmon_dagster.drift.transport.BLOCK", block)
        found, window = column(before), column(now)
        unclipped = area(found, window)[0]
        assert unclipped == pytest.approx(area(column(before), column(now))[0], rel=1e-12)
        expected = pytest.approx(stats.wasserstein_distance(*exact), rel=1e-8, abs=1e-12 * (float(high - low) + 1))
        assert area(found, window, (low, high))[0] == expected


@often
@given(columns(), columns(), st.sampled_from([3, 10, 40]))
def test_wasserstein_from_bins_lies_between_its_bounds(before: np.ndarray, now: np.ndarray, levels: int) -> None:
    exact = area(column(before), column(now))[0]
    value, low, high = area(kept_small(column(before), levels), column(now))
    slack = 1e-12 * max(1.0, abs(float(max(before.max(), now.max()))), abs(float(min(before.min(), now.min()))))
    assert low - slack <= exact <= high + slack
    assert low <= value or value == float("inf")


@often
@given(columns(), st.lists(st.floats(allow_nan=False, width=64), max_size=5), columns(20))
def test_rows_below_a_threshold_are_counted_without_rounding(
    values: np.ndarray, floats: list[float], others: np.ndarray
) -> None:
    ascending = np.sort(values)
    exact = [Fraction(value) for value in values.tolist()]
    for thresholds in (np.array(floats), others):
        wanted = [float("inf") if t == float("inf") else t for t in thresholds.tolist()]
        assert at_most(ascending, thresholds).tolist() == [sum(v <= t for v in exact) for t in wanted]
        assert below(ascending, thresholds).tolist() == [sum(v < t for v in exact) for t in wanted]


def bins_of(column: Column) -> Bins:
    assert column.bins is not None
    return column.bins


def numbers_of(column: Column) -> tuple[object, ...]:
    """Everything that is counted."""
    bins = bins_of(column)
    assert column.weights is not None
    return (
        column.weights.tolist(), bins.sums.tolist(), bins.total, bins.square_total, bins.rows, bins.low, bins.high,
        bins.clipped, bins.whole, column.missing, column.infinite, column.minus_infinite, column.squares,
    )  # fmt: skip


@often
@given(columns(), columns(), st.lists(st.integers(0, 300), max_size=4), st.booleans(), st.randoms())
def test_counting_in_pieces_and_in_any_order_changes_nothing(
    before: np.ndarray, now: np.ndarray, cuts: list[int], weighted: bool, random: object
) -> None:
    grid = coarse(column(before), 10)
    weights = np.random.default_rng(len(now)).integers(0, 5, len(now)) if weighted else None
    ends = sorted({0, len(now), *(cut % (len(now) + 1) for cut in cuts)})
    pieces = [
        binned(column(now[start:end], None if weights is None else weights[start:end]), grid)
        for start, end in pairwise(ends)
    ]
    random.shuffle(pieces)  # type: ignore[attr-defined]
    together = pieces[0]
    for piece in pieces[1:]:
        together = merged(together, piece)
    assert numbers_of(together) == numbers_of(binned(column(now, weights), grid))


@often
@given(columns())
def test_sums_are_those_of_whole_numbers_without_limit(values: np.ndarray) -> None:
    grid = coarse(column(values), 10)
    bins = bins_of(binned(column(values), grid))
    units = [int(unit) for unit in grid.fixed(np.sort(values)).tolist()]
    assert (bins.total, bins.square_total) == (sum(units), sum(unit * unit for unit in units))
    assert max(map(abs, units)) <= 2**BITS


@often
@given(columns(100), columns(100), st.integers(0, 2**32))
def test_a_weight_says_the_same_as_so_many_rows(before: np.ndarray, now: np.ndarray, seed: int) -> None:
    weights = np.random.default_rng(seed).integers(0, 4, len(now))
    if not weights.sum():
        return
    weighted, repeated = column(now, weights), column(np.repeat(now, weights))
    assert largest_gap(column(before), weighted) == largest_gap(column(before), repeated)
    largest = max(1.0, float(np.abs(before.astype(float)).max()), float(np.abs(now.astype(float)).max()))
    expected = pytest.approx(area(column(before), repeated)[0], rel=1e-9, abs=1e-14 * largest)
    assert area(column(before), weighted)[0] == expected
    assert (weighted.mean, weighted.std) == (
        pytest.approx(repeated.mean),
        pytest.approx(repeated.std, rel=1e-9, abs=1e-7),
    )


def test_an_unequal_weight_counts_for_fewer_rows() -> None:
    weighted = column(np.arange(100), np.where(np.arange(100) < 50, 1, 9))
    assert weighted.present == 500
    assert weighted.effective == pytest.approx(500**2 / (50 + 50 * 81))
    assert column(np.arange(100)).effective == 100


@pytest.mark.parametrize("shape", ["normal", "tied", "zeros", "cauchy", "ids", "float32"])
def test_a_grid_leaves_a_gap_of_a_few_thousandths_of_the_rows_at_most(shape: str) -> None:
    before, now = column(numbers(shape, 60_000, 1)), column(numbers(shape, 30_000, 2))
    low, high = largest_gap(binned(before, before.grid), now)
    exact = largest_gap(before, now)[0]
    assert low <= exact <= high <= low + 1 / 1000
    assert exact - low < 1 / 4000


def test_a_value_far_beyond_the_reference_is_clipped_and_said_to_be() -> None:
    before, now = column(np.random.default_rng(0).normal(size=30_000)), column([0.0] * 99 + [1e200])
    reference = binned(before, before.grid)
    assert bins_of(binned(now, before.grid)).clipped == 1
    assert area(reference, now)[2] == float("inf")


def test_columns_on_different_grids_are_not_added() -> None:
    from mlmon_dagster.errors import DataError

    one, two = column(numbers("normal", 500, 1)), column(numbers("normal", 500, 2))
    with pytest.raises(DataError, match="another grid"):
        merged(binned(one, one.grid), binned(two, two.grid))
