"""The engine `ibis`: columns whose types differ from the reference's, the text of queries, and bad input."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numbers_of_all_kinds import SHAPES, numbers
from rows_of_all_kinds import rows_of_all_kinds

from mlmon_dagster import plugins
from mlmon_dagster.adapters.engines import _sql_bins
from mlmon_dagster.adapters.engines._sql_bins import TEXT_LIMITS, Cells
from mlmon_dagster.adapters.engines._sql_counts import binning
from mlmon_dagster.adapters.engines._sql_values import value_of
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError, UnavailableError
from mlmon_dagster.ports import Engine, Rows

ibis = pytest.importorskip("ibis")

PROFILE = Profile.of(rows_of_all_kinds(14_000, seed=1))
WINDOW = rows_of_all_kinds(2_000, seed=2, shift=0.1)
ENGINE: Engine = plugins.parse("engine", "ibis")
TYPES = {
    "normal": "float64", "outlier": "float64", "single": "float32", "wide": "int64", "id": "int64",
    "at": "timestamp(6)", "day": "date", "price": "decimal(12,2)",
}  # fmt: skip


def only(profile: Profile, name: str) -> Profile:
    return Profile({name: profile.columns[name]}, profile.rows)


def texts(name: str, dialect: str) -> list[str]:
    table = ibis.table({name: TYPES[name]}, name="sales")
    grid = PROFILE.columns[name].grid
    return [
        ibis.to_sql(query, dialect=dialect) for query in binning(table, value_of(table[name], dialect), grid, dialect)
    ]


MIXED = [("normal", "whole"), ("whole", "normal"), ("wide", "cauchy"), ("ids", "normal"), ("float32", "wide")]


@pytest.mark.parametrize(("shape", "other"), [*((one, one) for one in sorted(set(SHAPES) - {"uint64"})), *MIXED])
def test_windows_of_every_shape_and_number_type_count_as_in_the_kernel(shape: str, other: str) -> None:
    profile = Profile.of({"x": numbers(shape, 4_000, seed=1)})
    window = pa.table({"x": numbers(other, 500, seed=2)})
    found = ENGINE.count(Rows(table=ibis.memtable(window)), profile)
    assert found.digest == profile.counted(window).digest


@pytest.mark.parametrize("name", sorted(TYPES))
def test_queries_for_athena_are_within_its_limit_and_search_in_arrays(name: str) -> None:
    found = texts(name, "athena")
    assert max(len(text.encode()) for text in found) <= TEXT_LIMITS["athena"]
    assert all("WIDTH_BUCKET(" in text.upper() for text in found)
    assert len(found) <= 4


@pytest.mark.parametrize("dialect", ["trino", "snowflake", "duckdb"])
@pytest.mark.parametrize("name", ["normal", "id"])
def test_no_text_has_two_minus_signs_that_would_begin_a_comment(dialect: str, name: str) -> None:
    assert [text for text in texts(name, dialect) if "--" in text] == []


@pytest.mark.postgres
def test_a_query_that_is_cut_in_parts_counts_to_the_same_bytes(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Athena needs it for a column with more than 5,000 bins."""
    pytest.importorskip("psycopg")
    monkeypatch.setitem(_sql_bins.TEXT_LIMITS, "postgres", 60_000)
    url = request.getfixturevalue("postgres_server").fresh(tmp_path.name).replace("+psycopg2", "")
    names = ["normal", "special", "wide", "id", "stray", "at"]
    connection = ibis.connect(url)
    connection.create_table("sales", WINDOW.select(names))
    connection.disconnect()
    profile = Profile({name: PROFILE.columns[name] for name in names}, 0)
    engine = plugins.parse("engine", {"use": "ibis", "url": url})
    assert engine.count(Rows(query="sales"), profile).digest == profile.counted(WINDOW).digest
    named = url.replace("://", "+psycopg2://")  # as SQLAlchemy has it, and the command line too
    assert ENGINE.count(Rows(place=named, query="sales"), only(profile, "normal")).columns["normal"].rows == 2_000


def test_microseconds_are_exact_where_a_database_tells_seconds_as_a_float() -> None:
    """The arithmetic that is left to Athena and Trino."""
    random = np.random.default_rng(1)
    moments = random.integers(-(10**15), 4 * 10**15, 200_000)
    seconds, told = (moments // 10**6).astype(float), moments / 1e6
    found = seconds.astype(np.int64) * 10**6 + np.floor((told - seconds) * 1e6 + 0.5).astype(np.int64)
    assert (found == moments).all()


@pytest.mark.parametrize("shape", ["normal", "cauchy", "constant", "outlier", "zeros", "ids"])
def test_cells_never_fall_while_values_rise(shape: str) -> None:
    values = np.unique(numbers(shape, 5_000, seed=1))
    cells = Cells.of(values)
    found = cells.numbers(np.sort(np.concatenate([values, numbers(shape, 5_000, seed=2)])))
    assert (np.diff(found) >= 0).all()


def test_a_type_that_is_not_measured_is_named() -> None:
    table = ibis.memtable(pa.table({"normal": pa.array([[1.0]], pa.list_(pa.float64()))}))
    with pytest.raises(DataError, match=r"'normal' has the type array"):
        ENGINE.count(Rows(table=table), PROFILE)


def test_a_column_of_nothing_but_null_is_missing_in_every_row(tmp_path: Path) -> None:
    """Parquet and DuckDB have a type of null, which is none of those that are measured."""
    pq.write_table(pa.table({"normal": pa.nulls(7), "city": pa.nulls(7)}), tmp_path / "rows.parquet")
    table = ibis.duckdb.connect().read_parquet(tmp_path / "rows.parquet")
    found = ENGINE.count(Rows(table=table), PROFILE)
    kernel = Profile({name: PROFILE.columns[name] for name in ("normal", "city")}, 0)
    assert found.digest == kernel.counted(pa.table({"normal": pa.nulls(7), "city": pa.nulls(7)})).digest


def test_unsigned_numbers_beyond_int64_are_refused_with_what_counts_them() -> None:
    ids = {"id": np.uint64(2**63) + np.arange(20_000, dtype=np.uint64)}
    with pytest.raises(DataError, match=r"'id' reaches beyond int64(.|\n)*duckdb"):
        ENGINE.count(Rows(table=ibis.memtable(pa.table(ids))), Profile.of(ids))


@pytest.mark.parametrize(
    ("use", "rows", "error", "says"),
    [
        ({}, Rows(query="sales"), InputError, "needs a database"),
        ({"url": "duckdb://"}, Rows(), InputError, "needs a query"),
        ({"url": "env:MLMON_NOWHERE"}, Rows(query="sales"), UnavailableError, "env:MLMON_NOWHERE is not set"),
        ({"url": "nonsense://me:hidden@host/x"}, Rows(query="sales"), UnavailableError, "nonsense://"),
        ({"url": "postgres://me:hidden@127.0.0.1:9/x"}, Rows(query="sales"), UnavailableError, "127.0.0.1"),
    ],
)
def test_bad_input_is_told_and_secrets_are_not(
    use: dict[str, str], rows: Rows, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=re.escape(says)) as caught:
        plugins.parse("engine", {"use": "ibis", **use}).count(rows, PROFILE)
    assert "hidden" not in str(caught.value)


def test_a_secret_tells_where_the_database_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgres://me:hidden@127.0.0.1:9/x")
    with pytest.raises(UnavailableError, match="env:WAREHOUSE_URL cannot be reached"):
        plugins.parse("engine", {"use": "ibis", "url": "env:WAREHOUSE_URL"}).count(Rows(query="sales"), PROFILE)
