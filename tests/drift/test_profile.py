"""Profiles: small, without rows, and the same bytes whatever way they were added up."""

import io
import json
import zipfile
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbers_of_all_kinds import SHAPES, numbers

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.methods.jensen_shannon import JensenShannon
from mlmon_dagster.drift.methods.ks import Ks
from mlmon_dagster.drift.methods.new_categories import NewCategories
from mlmon_dagster.drift.methods.psi import Psi
from mlmon_dagster.drift.profile import Profile, merge_all
from mlmon_dagster.errors import DataError, MissingError

MANY = 30_000


def data(rows: int = MANY, seed: int = 0) -> dict[str, np.ndarray]:
    """One array of every shape, and one of text."""
    named = {shape: numbers(shape, rows, seed) for shape in SHAPES}
    return named | {"city": np.random.default_rng(seed).choice(["Ulm", "Bonn", "Köln"], rows).astype(object)}


def profile(rows: int = MANY, seed: int = 0, *, exact: bool = False) -> Profile:
    return Profile.of({name: Column.of(name, values) for name, values in data(rows, seed).items()}, exact=exact)


def part(start: int, stop: int, seed: int = 1) -> dict[str, Column]:
    return {name: Column.of(name, values[start:stop]) for name, values in data(2000, seed).items()}


def test_a_profile_of_25_columns_with_many_values_has_less_than_4_megabytes() -> None:
    random = np.random.default_rng(0)
    columns = {f"x{place}": Column.of(f"x{place}", random.lognormal(size=MANY)) for place in range(25)}
    assert len(Profile.of(columns).to_bytes()) < 4_000_000


def test_few_values_are_kept_and_many_are_not() -> None:
    kept = profile().columns
    assert {name for name, one in kept.items() if one.exact} == {"constant", "two", "small", "whole", "tied", "city"}
    assert profile(exact=True).exact
    assert not profile().exact


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2000), max_size=5), st.randoms())
def test_pieces_counted_on_a_profile_add_up_to_the_same_bytes(cuts: list[int], random: object) -> None:
    reference = PROFILE
    ends = sorted({0, 2000, *cuts})
    pieces = [reference.counted(part(start, end)) for start, end in pairwise(ends)]
    random.shuffle(pieces)  # type: ignore[attr-defined]
    assert merge_all(pieces).digest == reference.counted(part(0, 2000)).digest


PROFILE = profile()


def test_merging_obeys_its_laws() -> None:
    one, two, three = (PROFILE.counted(part(start, start + 500)) for start in (0, 500, 1000))
    assert one.merge(two).merge(three).to_bytes() == one.merge(two.merge(three)).to_bytes()
    assert len({merge_all(order).digest for order in permutations((one, two, three))}) == 1
    empty = PROFILE.counted(part(0, 0))
    assert one.merge(empty).digest == empty.merge(one).digest == one.digest


def test_the_type_of_pieces_that_came_in_several_does_not_depend_on_their_order() -> None:
    wide = np.arange(20_000)
    reference = Profile.of({"x": wide / 4})
    pieces = [{"x": wide / 4}, {"x": wide.astype(np.int32)}, {"x": [None] * 5}, {"x": [np.nan]}, {"x": np.array([])}]
    counts = [reference.counted(one) for one in pieces]
    found = {merge_all(order).digest for order in permutations(counts)}
    assert len(found) == 1
    assert merge_all(counts).columns["x"].dtype == "float64"


def test_exact_profiles_of_any_data_can_be_merged() -> None:
    one, two = profile(500, 1, exact=True), profile(400, 2, exact=True)
    arrays = [data(500, 1), data(400, 2)]
    both = {name: Column.of(name, np.concatenate([arrays[0][name], arrays[1][name]])) for name in arrays[0]}
    assert one.merge(two).digest == two.merge(one).digest == Profile.of(both, exact=True).digest


def test_profiles_that_cannot_be_added_are_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match="different columns"):
        PROFILE.merge(Profile.of({"x": Column.of("x", [1])}))
    with pytest.raises(DataError, match=r"another grid(.|\n)*--like"):
        PROFILE.merge(profile(seed=5))
    with pytest.raises(DataError, match="no column 'normal'"):
        PROFILE.counted({"x": Column.of("x", [1])})
    with pytest.raises(DataError, match="is categorical and the reference's is numeric"):
        PROFILE.counted(part(0, 10) | {"normal": Column.of("normal", ["a"])})


@pytest.mark.parametrize("exact", [False, True])
def test_every_column_survives_its_bytes(exact: bool) -> None:
    first = profile(exact=exact)
    again = Profile.from_bytes(first.to_bytes())
    assert again.to_bytes() == first.to_bytes()
    for name, column in first.columns.items():
        moments = (again.columns[name].mean, again.columns[name].std)
        assert moments == pytest.approx((column.mean, column.std), rel=1e-12, abs=1e-12, nan_ok=True)
        assert (again.columns[name].rows, again.columns[name].dtype) == (column.rows, column.dtype)


def test_a_profile_of_version_1_is_refused_with_what_to_do() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("profile.json", json.dumps({"version": 1, "rows": 3, "columns": []}))
    with pytest.raises(DataError, match=r"has version 1, this program reads version 2(.|\n)*register the model again"):
        Profile.from_bytes(buffer.getvalue())


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_means_and_spreads_from_bins_are_those_of_the_values(shape: str) -> None:
    whole, kept = Column.of(shape, numbers(shape, MANY, 0)), PROFILE.columns[shape]
    assert kept.mean == pytest.approx(whole.mean, rel=1e-6, abs=1e-5 * whole.std)
    assert kept.std == pytest.approx(whole.std, rel=1e-6)


@pytest.mark.parametrize("method", [Psi(), JensenShannon(), Psi(bins=7), Psi(bins=100)])
@pytest.mark.parametrize("shape", ["normal", "zeros", "cauchy", "wide", "float32", "ids"])
def test_binned_distances_are_the_same_to_the_bit_from_a_profile(method: Psi, shape: str) -> None:
    window = Column.of(shape, numbers(shape, 5000, 9))
    from_values = method.measure(Column.of(shape, numbers(shape, MANY, 0)), window)
    assert method.measure(PROFILE.columns[shape], window) == from_values


def test_infinite_and_missing_rows_are_counted_apart() -> None:
    column = Column.of("x", [1.0, np.inf, -np.inf, -np.inf, None])
    assert (column.infinite, column.minus_infinite, column.missing, column.present) == (3, 2, 1, 1)
    again = Profile.from_bytes(Profile.of({"x": column}).to_bytes()).columns["x"]
    assert (again.infinite, again.minus_infinite, again.missing) == (3, 2, 1)


def test_of_too_many_categories_the_frequent_ones_are_kept_and_the_rest_is_counted() -> None:
    names = [f"c{place}" for place in range(12_000)]
    reference = Column.of("x", names[:9_000] * 3 + names)
    kept = Profile.of({"x": reference}).columns["x"]
    assert (len(kept.ascending), kept.other, kept.present) == (10_000, 2_000, 39_000)
    window = Column.of("x", names[:5_000] + names[11_500:] + ["new"] * 50)
    assert JensenShannon().measure(kept, window) == JensenShannon().measure(reference, window)
    found = NewCategories().measure(kept, window)
    assert found.low is not None
    assert found.low <= NewCategories().measure(reference, window).value == 50 / 5550 <= found.value
    assert found.certainty.startswith("bounded")


def test_a_float32_window_is_compared_without_rounding() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=20_000)
    for reference in (Column.of("x", values), Profile.of({"x": Column.of("x", values)}).columns["x"]):
        single = values.astype(np.float32)
        found = Ks().measure(reference, Column.of("x", single))
        assert found == Ks().measure(reference, Column.of("x", single.astype(np.float64)))


def test_a_method_that_there_is_not_is_named_with_the_nearest() -> None:
    with pytest.raises(MissingError, match="kss"):
        Profile.of({"x": [1, 2]}).compare({"x": [1]}, methods=["kss"])


def test_a_notebook_shows_profiles_and_comparisons_as_tables() -> None:
    profile = Profile.of(
        {
            "price <&>": [1.0, 2.0, 90_000.0, None],
            "city": ["Ulm", "Bonn", "Ulm", "Ulm"],
            "day": np.array(["2026-01-01", "2026-01-02", "2026-01-03", "NaT"], dtype="datetime64[ns]"),
            "empty": [None, None, None, None],
        }
    )
    shown = profile._repr_html_()
    cells = "<td>price &lt;&amp;&gt;</td><td>numeric</td><td>3</td><td>1</td><td>1</td><td>2</td><td>90,000</td>"
    assert cells in shown
    assert "<td>city</td><td>categorical</td><td>4</td><td>0</td><td>2 different</td>" in shown
    assert "<td>2026-01-01</td><td>2026-01-02</td><td>2026-01-03</td>" in shown
    drift = profile.compare(
        {"price <&>": [1.0], "city": ["Ulm"], "day": profile.columns["day"].but(missing=0), "empty": [None]},
        ["ks", "psi"],
    )
    assert isinstance(drift, dict)
    assert "<th>column</th><th>ks</th>" in drift._repr_html_()
    assert "<td>0.6667 (p " in drift._repr_html_()
