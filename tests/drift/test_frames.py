"""Tables of every make give the same columns."""

from datetime import date, datetime, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError

ROWS = {
    "whole": [2**60 + 1, 2, None],
    "part": [1.5, None, float("inf")],
    "yes": [True, None, False],
    "city": ["Ulm", None, "Köln"],
    "at": [datetime(2026, 1, 1, 12), None, datetime(2026, 1, 2)],
    "full": [3, 1, 2],
}
ARROW = pa.table(ROWS)
MAKES = {
    "arrow": lambda: ARROW,
    "arrow batches": lambda: ARROW.to_reader(max_chunksize=1),
    "arrow dictionaries": lambda: ARROW.set_column(3, "city", ARROW["city"].dictionary_encode()),
    "pandas": lambda: pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in ROWS.items()}),
    "pandas nullable": lambda: ARROW.to_pandas().convert_dtypes().assign(whole=pd.array(ROWS["whole"], dtype="Int64")),
    "pandas by Arrow": lambda: ARROW.to_pandas(types_mapper=pd.ArrowDtype),
    "pandas categories": lambda: pd.DataFrame(ROWS).assign(
        whole=pd.array(ROWS["whole"], dtype="Int64"), city=pd.Categorical(ROWS["city"])
    ),
    "polars": lambda: pl.DataFrame(ROWS),
    "polars lazy": lambda: pl.LazyFrame(ROWS),
    "polars categories": lambda: pl.DataFrame(ROWS).with_columns(pl.col("city").cast(pl.Categorical)),
    "named arrays": lambda: ROWS,
}


def told(column: Column) -> tuple[object, ...]:
    values = column.values.tolist()
    return column.kind, values, column.counts.tolist(), column.missing, column.infinite


@pytest.mark.parametrize("make", MAKES)
def test_the_same_rows_are_the_same_columns(make: str) -> None:
    expected = {
        "whole": ("numeric", [2, 2**60 + 1], [1, 1], 1, 0),
        "part": ("numeric", [1.5], [1], 1, 1),
        "yes": ("boolean", [0, 1], [1, 1], 1, 0),
        "city": ("categorical", ["Köln", "Ulm"], [1, 1], 1, 0),
        "at": ("datetime", [1767268800 * 10**9, 1767312000 * 10**9], [1, 1], 1, 0),
        "full": ("numeric", [1, 2, 3], [1, 1, 1], 0, 0),
    }
    assert {name: told(one) for name, one in columns_of(MAKES[make]()).items()} == expected


@pytest.mark.parametrize("make", [pa.table, pl.DataFrame])
def test_moments_of_any_zone_days_and_decimals_are_understood(make: object) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    frame = make({"at": [noon], "day": [date(2026, 1, 1)], "sum": [Decimal("1.50")]})  # type: ignore[operator]
    columns = columns_of(frame)
    assert [columns[name].values.tolist() for name in ("at", "day", "sum")] == [
        [1767268800 * 10**9], [1767225600 * 10**9], [1.5],
    ]  # fmt: skip


def test_a_column_without_any_value_has_no_kind_of_its_own() -> None:
    for frame in (pa.table({"x": pa.nulls(3)}), pl.DataFrame({"x": [None] * 3}), {"x": [None] * 3}):
        assert told(columns_of(frame)["x"]) == ("numeric", [], [], 3, 0)


def test_an_empty_table_has_empty_columns() -> None:
    for make in MAKES.values():
        frame = make()
        empty = frame.head(0) if hasattr(frame, "head") else None
        if empty is not None:
            assert {one.rows for one in columns_of(empty).values()} == {0}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pa.table({"parts": [[1, 2]]}), "column 'parts' has the type list"),
        (pl.DataFrame({"parts": [[1, 2]]}), "column 'parts' has the type List"),
        (pa.table({"t": pa.array([1], pa.duration("s"))}), "column 't' has the type duration"),
        ([1, 2], "a list is no table; expected a pandas, polars or Arrow table"),
        ({"x": [object()]}, "column 'x' holds object, expected numbers, booleans, moments or text"),
    ],
)
def test_what_cannot_be_compared_is_told_by_name(data: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        columns_of(data)


def test_chosen_columns_must_be_there() -> None:
    assert list(columns_of(ARROW, ["full"])) == ["full"]
    with pytest.raises(DataError, match="no column called 'ful'; did you mean full"):
        columns_of(ARROW, ["ful"])


def test_a_profile_compares_a_window_of_another_make_by_every_method() -> None:
    random = np.random.default_rng(0)
    reference = pd.DataFrame({"price": random.normal(size=500), "city": random.choice(["Ulm", "Bonn"], 500)})
    window = pl.DataFrame({"price": random.normal(1, 1, 300), "city": ["Ulm"] * 300, "more": [1] * 300})
    drift = Profile.of(reference).compare(window)
    assert list(drift) == ["price", "city"]
    assert {"ks", "wasserstein", "psi", "missing"} <= set(drift["price"])
    assert {"chi_square", "new_categories", "linf", "missing"} <= set(drift["city"])
    assert drift["price"]["ks"].value > 0.3
    assert set(Profile.of(reference).compare(window, ["psi"])["city"]) == {"psi"}


def test_comparing_what_cannot_be_compared_is_refused_and_no_evidence_is_no_score() -> None:
    profile = Profile.of({"x": [1.0, 2.0]})
    with pytest.raises(DataError, match="no column called 'x'"):
        profile.compare({"y": [1.0]})
    with pytest.raises(DataError, match="x is categorical in the window and numeric in the reference"):
        profile.compare({"x": ["a"]})
    assert profile.compare({"x": []}) == {"x": {}}
    assert list(profile.compare({"x": [None, None]})["x"]) == ["missing"]


@pytest.mark.parametrize("make", [pd.Series, pl.Series, pa.array, lambda values: pa.chunked_array([values]), list])
def test_a_mapping_may_hold_series_of_any_make(make: object) -> None:
    columns = columns_of({"city": make(["Ulm", None, "Ulm"]), "rooms": make([3, 2, 3])})  # type: ignore[operator]
    assert told(columns["city"]) == ("categorical", ["Ulm"], [2], 1, 0)
    assert told(columns["rooms"]) == ("numeric", [2, 3], [1, 2], 0, 0)


def test_two_columns_of_one_name_are_refused_by_name() -> None:
    table = pd.DataFrame([[1, 2], [3, 4]], columns=["x", "x"])
    with pytest.raises(DataError, match="more than one column called x"):
        columns_of(table)


@pytest.mark.parametrize(
    "data",
    [pd.Series([1]), pl.Series([1]), pa.array([1]), pa.chunked_array([[1]]), np.ones((2, 2)), [1], "rows.csv", None],
    ids=lambda data: f"{type(data).__module__.partition('.')[0]} {type(data).__name__}",
)
def test_what_is_no_table_is_told_by_its_type(data: object) -> None:
    with pytest.raises(DataError, match=rf"a {type(data).__name__} is no table; expected a pandas"):
        columns_of(data)


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pd.array([1 + 1j]), "complex128"),
        (pd.period_range("2026", periods=2, freq="M"), r"period\[M\]"),
        (pd.arrays.SparseArray([0.0, 1.0]), "Sparse"),
        (pd.to_timedelta([1], "s"), "timedelta64"),
    ],
    ids=str,
)
def test_a_type_that_is_not_measured_is_told_as_its_library_names_it(column: object, says: str) -> None:
    with pytest.raises(DataError, match=rf"column 'x' has the type {says}"):
        columns_of(pd.DataFrame({"x": column}))


def test_whole_numbers_of_128_bits_are_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match=r"128 bits(.|\n)*Int64"):
        columns_of(pl.DataFrame({"x": pl.Series([2**70], dtype=pl.Int128)}))


def test_days_in_milliseconds_are_moments() -> None:
    days = pa.array([0, 86_400_000, None], pa.date64())
    found = columns_of(pa.table({"x": days}))["x"]
    assert (found.kind, found.missing) == ("datetime", 1)
    assert found.ascending.tolist() == [0, 86_400 * 10**9]
