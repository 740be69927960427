"""How columns go together: numpy's numbers, and the same bytes whatever pieces they are summed in."""

from itertools import pairwise, permutations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmon_dagster import plugins
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.multivariate.numbers import covariance_of, window_covariance
from mlmon_dagster.drift.profile import Profile, merge_all
from mlmon_dagster.errors import DataError

ROWS = 12_000


def table(rows: int = ROWS, seed: int = 0, link: float = 0.8) -> pa.Table:
    random = np.random.default_rng(seed)
    base = random.normal(size=rows)
    size = link * base + (1 - link**2) ** 0.5 * random.normal(size=rows)
    holes = random.random(rows) < 0.1
    price = np.where(random.random(rows) < 0.02, np.inf, 1e6 + 1e4 * base)
    moments = np.datetime64("2026-01-01", "us") + (base * 1e9).astype("m8[us]")
    return pa.table(
        {
            "size": pa.array(1e-3 * size, mask=holes),
            "price": pa.array(price),
            "rooms": pa.array(random.integers(1, 8, rows), mask=random.random(rows) < 0.05),
            "id": pa.array(2**60 + random.integers(0, 10**6, rows)),
            "sold": pa.array(base > 1),
            "at": pa.array(moments),
            "single": pa.array(base.astype(np.float32)),
            "city": pa.array(random.choice(["Ulm", "Bonn"], rows)),
        }
    )


REFERENCE = Profile.of(table(), covariance=True)


def numbers(rows: pa.Table) -> pd.DataFrame:
    frame = rows.drop_columns(["city"]).to_pandas()
    frame["at"] = frame["at"].astype(np.int64)
    frame["id"] -= 2**60
    return frame.replace([np.inf], np.nan).astype(float)


def test_correlations_are_those_of_pandas_over_the_rows_that_have_both() -> None:
    kept = REFERENCE.covariance
    assert kept is not None
    expected = numbers(table()).corr()
    assert kept.names == tuple(expected.columns)
    np.testing.assert_allclose(kept.correlations, expected, atol=1e-6)
    assert int(kept.rows[0, 2]) == int(numbers(table())[["size", "rooms"]].notna().all(axis=1).sum())


def test_covariances_are_those_of_numpy_in_the_columns_own_units() -> None:
    kept = REFERENCE.covariance
    assert kept is not None
    frame = numbers(table()).dropna()
    only = Profile.of(pa.Table.from_pandas(frame, preserve_index=False), covariance=True).covariance
    assert only is not None
    scale = np.outer(frame.std(), frame.std())
    np.testing.assert_allclose(only.matrix / scale, np.cov(frame.to_numpy().T, ddof=0) / scale, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2_000), max_size=5), st.randoms())
def test_pieces_add_up_to_the_same_bytes(cuts: list[int], random: object) -> None:
    rows = table(2_000, seed=3)
    pieces = [rows.slice(start, end - start) for start, end in pairwise(sorted({0, 2_000, *cuts}))]
    counted = [REFERENCE.counted(piece) for piece in pieces]
    random.shuffle(counted)  # type: ignore[attr-defined]
    assert merge_all(counted).digest == REFERENCE.counted(rows).digest


def test_order_of_rows_and_make_of_table_change_nothing() -> None:
    rows = table(seed=4)
    whole = REFERENCE.counted(rows).digest
    shuffled = rows.take(pa.array(np.random.default_rng(0).permutation(ROWS)))
    assert REFERENCE.counted(shuffled).digest == whole
    assert REFERENCE.counted(pl.from_arrow(rows)).digest == whole
    again = Profile.from_bytes(REFERENCE.to_bytes())
    assert again.counted(rows).digest == whole
    assert again.digest == REFERENCE.digest


def test_merging_obeys_its_laws() -> None:
    one, two, three = (REFERENCE.counted(table(500, seed)) for seed in (5, 6, 7))
    assert len({merge_all(order).digest for order in permutations((one, two, three))}) == 1
    assert one.merge(REFERENCE.counted(table(0))).digest == one.digest


def test_sums_beyond_64_bits_are_kept() -> None:
    rows = REFERENCE.counted(table(2_000, seed=8))
    for _ in range(30):
        rows = rows.merge(rows)
    assert rows.covariance is not None
    assert max(rows.covariance.products.ravel().tolist()) > 2**63
    assert Profile.from_bytes(rows.to_bytes()).digest == rows.digest


def test_a_covariance_of_25_columns_takes_less_than_a_tenth_of_a_megabyte() -> None:
    random = np.random.default_rng(0)
    columns = {f"x{place}": random.lognormal(size=2_000) for place in range(25)}
    with_it, without = (len(Profile.of(columns, covariance=kept).to_bytes()) for kept in (True, False))
    assert with_it - without < 100_000


def test_a_profile_without_one_keeps_the_bytes_of_version_2_and_one_part_is_never_added_to_none() -> None:
    plain = Profile.of(table())
    assert b'"version": 2' in plain.to_bytes()
    assert b'"version": 3' in REFERENCE.to_bytes()
    assert Profile.from_bytes(plain.to_bytes()).covariance is None
    without = Profile(REFERENCE.counted(table(10)).columns, 10)
    assert without.covariance is None
    with pytest.raises(DataError, match=r"only one of the profiles keeps a covariance"):
        REFERENCE.counted(table(10)).merge(without)


def test_what_has_no_covariance_is_refused_in_words() -> None:
    with pytest.raises(DataError, match="two columns of numbers"):
        Profile.of({"city": ["Ulm"], "x": [1.0]}, covariance=True)
    with pytest.raises(DataError, match="at most 100"):
        Profile.of({f"x{place}": [1.0, 2.0] for place in range(101)}, covariance=True)
    with pytest.raises(DataError, match="not which row has which"):
        Profile.of({"x": Column.of("x", [1.0]), "y": Column.of("y", [1.0])}, covariance=True)


def test_values_far_beyond_the_reference_are_held_and_counted() -> None:
    random = np.random.default_rng(0)
    reference = Profile.of({"x": random.normal(size=500), "y": random.normal(size=500)}, covariance=True)
    found = reference.counted({"x": [1e9, -1e100, 0.0], "y": [1.0, 2.0, np.nan]}).covariance
    assert found is not None
    assert found.clipped.tolist() == [2, 0]
    assert found.rows.tolist() == [[3, 2], [2, 2]]


@pytest.mark.parametrize("name", ["correlation_shift", "pca_residual"])
def test_a_joint_method_gives_the_same_number_from_profiles_as_from_rows(name: str) -> None:
    method = plugins.parse("joint", name)
    before, now = (
        {
            key: column.to_numpy()
            for key, column in table(3_000, seed, link).select(["size", "single"]).to_pandas().items()
        }
        for seed, link in ((1, 0.8), (2, 0.2))
    )
    profile = Profile.of(before, covariance=True)
    window = profile.counted(now)
    rows = method.measure(method.learn(before), now)
    assert method.compare(profile.covariance, window.covariance) == rows
    assert rows.value > method.default_threshold
    assert rows.p_value < 1e-6


def test_the_pair_whose_correlation_moved_is_named_with_both_numbers() -> None:
    random = np.random.default_rng(0)

    def columns(link: float) -> dict[str, np.ndarray]:
        x, y, z = random.normal(size=(3, 4_000))
        return {"x": x, "z": z, "y": link * x + (1 - link**2) ** 0.5 * y}

    method = plugins.parse("joint", "correlation_shift")
    found = method.measure(method.learn(columns(0.7)), columns(-0.1))
    assert set(found.columns[:2]) == {"x", "y"}
    assert found.numbers["correlation_shift.before"] == pytest.approx(0.7, abs=0.03)
    assert found.numbers["correlation_shift.now"] == pytest.approx(-0.1, abs=0.05)


def test_its_p_value_holds_for_skewed_columns_too() -> None:
    random, method = np.random.default_rng(3), plugins.parse("joint", "correlation_shift")

    def columns(rows: int) -> dict[str, np.ndarray]:
        base = random.exponential(size=rows)
        return {name: base + random.exponential(size=rows) for name in "abcd"}

    learned = method.learn(columns(5_000))
    small = [method.measure(learned, columns(500)).p_value < 0.05 for _ in range(100)]
    assert sum(small) <= 10


def test_a_window_is_counted_on_the_axes_of_the_reference() -> None:
    rows = {"x": np.arange(50.0), "y": np.arange(50.0) ** 2}
    like = covariance_of(rows)
    assert window_covariance(like, rows).products.tolist() == like.products.tolist()
