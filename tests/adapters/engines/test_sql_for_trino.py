"""The SQL for Trino and Athena: neither runs here, so its text is checked, and run by a database that does.

`sqlglot` reads the text as Trino's and writes it as DuckDB's. What Trino does otherwise than DuckDB is put back before:
its `width_bucket`, and how it makes a float64 of a number with a decimal point.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rows_of_all_kinds import rows_of_all_kinds

from mlmon_dagster.adapters.engines._sql_bins import TEXT_LIMITS
from mlmon_dagster.adapters.engines._sql_counts import binning, count_column
from mlmon_dagster.adapters.engines._sql_pairs import count_covariance
from mlmon_dagster.adapters.engines._sql_values import value_of
from mlmon_dagster.adapters.engines.ibis import _within
from mlmon_dagster.drift.parts import Parts
from mlmon_dagster.drift.profile import Profile

UTC = timezone.utc
ibis, duckdb = pytest.importorskip("ibis"), pytest.importorskip("duckdb")
sqlglot = pytest.importorskip("sqlglot")

REFERENCE = rows_of_all_kinds(14_000, seed=1)
WINDOW = rows_of_all_kinds(700, seed=2, shift=0.2)
NAMES = [name for name in WINDOW.column_names if name not in ("nothing", "select")]
PROFILE = Profile.of(REFERENCE.select(NAMES))
DIALECTS = ("trino", "athena")

KNOWN = {
    "abs", "cast", "count", "date_trunc", "floor", "from_iso8601_date", "from_iso8601_timestamp", "greatest", "if",
    "is_infinite", "is_nan", "json_parse", "least", "max", "min", "sum", "to_unixtime", "width_bucket",
}  # fmt: skip
"""Functions of the text that Trino's and Athena's documentations list (Athena's engine version 3 has Trino's)."""


class Trino:
    """Runs text for Trino on rows of this process, and keeps it."""

    def __init__(self, rows: pa.Table, dialect: str) -> None:
        self.dialect, self.texts = dialect, list[str]()
        self.table = ibis.table(ibis.memtable(rows).schema(), name="sales")
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute("CREATE MACRO width_bucket(x, bins) AS len(list_filter(bins, lambda bin: bin <= x))")
        self.connection.execute("CREATE MACRO is_infinite(x) AS isinf(x)")
        self.connection.execute("CREATE MACRO is_nan(x) AS isnan(x)")
        self.connection.execute("CREATE MACRO from_iso8601_date(x) AS CAST(x AS DATE)")
        self.connection.register("sales", rows)

    def ask(self, query: Any) -> list[Mapping[str, Any]]:
        text = str(ibis.to_sql(query, dialect=self.dialect))
        self.texts.append(text)
        found = self.connection.sql(in_duckdb(text)).to_arrow_table()
        return found.to_pylist()  # type: ignore[no-any-return]

    def count(self, profile: Profile, table: Any = None) -> Profile:
        rows = self.table if table is None else table
        columns = {name: count_column(rows, one, self.dialect, self.ask) for name, one in profile.columns.items()}
        return Profile(columns, next(iter(columns.values())).rows)


def in_duckdb(text: str) -> str:
    """The text for DuckDB, with numbers as Trino reads them."""
    from sqlglot import exp

    def as_trino(node: Any) -> Any:
        if isinstance(node, exp.Literal) and not node.is_string and "." in node.this and "e" not in node.this.lower():
            return exp.Literal.number(f"{decimal_in_trino(node.this):.17e}")
        return node

    return str(sqlglot.parse_one(text, read="trino").transform(as_trino).sql("duckdb"))


def decimal_in_trino(text: str) -> float:
    """A number without an exponent is a decimal there; up to 18 digits it is a float64 divided by a power of ten."""
    whole, _, fraction = text.partition(".")
    digits = whole.lstrip("0") + fraction
    return float(text) if len(digits) > 18 else float(int(digits)) / 10 ** len(fraction)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_column_counts_to_the_bytes_of_the_kernel(name: str, dialect: str) -> None:
    profile, rows = Profile({name: PROFILE.columns[name]}, 0), WINDOW.select([name])
    trino = Trino(rows, dialect)
    assert trino.count(profile).digest == profile.counted(rows).digest
    assert max(len(text.encode()) for text in trino.texts) < TEXT_LIMITS[dialect]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_pairs_of_columns_count_to_the_bytes_of_the_kernel(dialect: str) -> None:
    names = ["normal", "special", "tied", "small", "yes", "at"]
    profile, rows = Profile.of(REFERENCE.select(names), covariance=True), WINDOW.select(names)
    trino = Trino(rows, dialect)
    assert profile.covariance is not None
    found = count_covariance(trino.table, profile.covariance, dialect, trino.ask)
    assert Profile(trino.count(profile).columns, rows.num_rows, Parts(found)).digest == (profile.counted(rows).digest)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("time", ["at", "at utc", "day"])
def test_the_rows_of_a_window_are_those_of_its_time(time: str, dialect: str) -> None:
    import pyarrow.compute as pc

    start, end = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 7, 5, tzinfo=UTC)
    moments = WINDOW[time].cast(pa.timestamp("us"))
    limits = [pa.scalar(one.replace(tzinfo=None), pa.timestamp("us")) for one in (start, end)]
    inside = WINDOW.filter(pc.and_(pc.greater_equal(moments, limits[0]), pc.less(moments, limits[1])))
    profile, trino = Profile({"normal": PROFILE.columns["normal"]}, 0), Trino(WINDOW, dialect)
    assert 0 < inside.num_rows < WINDOW.num_rows
    assert trino.count(profile, _within(trino.table, time, start, end)).digest == profile.counted(inside).digest


def test_numbers_of_many_digits_are_read_as_they_are() -> None:
    """Trino takes a number without an exponent for a decimal, and is one off in a tenth of those of 16 to 18 digits."""
    from sqlglot import exp

    assert decimal_in_trino("0.9452706955539223") != 0.9452706955539223
    read = list[str]()
    for seed in range(30):
        values = np.random.default_rng(seed).normal(0.5, 0.1, 11_000)
        profile, texts = Profile.of({"x": values}), list[str]()
        table = ibis.table({"x": "float64"}, name="sales")
        for query in binning(table, value_of(table.x, "athena"), profile.columns["x"].grid, "athena"):
            texts.append(str(ibis.to_sql(query, dialect="athena")))
        assert repr(float(profile.columns["x"].grid.origin)) in texts[0]
        for literal in (one for text in texts for one in sqlglot.parse_one(text, read="trino").find_all(exp.Literal)):
            if not literal.is_string and "." in literal.this and "e" not in literal.this:
                read.append(literal.this)
    assert [text for text in read if decimal_in_trino(text) != float(text)] == []


@pytest.mark.parametrize("digits", [15, 16, 17, 18, 19, 30])
def test_decimal_numbers_of_any_precision_are_the_nearest_float(digits: int) -> None:
    """Trino divides those of 16 to 18 digits, and is one off in some; their text it reads exactly."""
    decimal = ibis.table({"price": f"decimal({digits},4)"}, name="sales")
    profile = Profile.of({"price": np.arange(20_000) / 7})
    texts = list[str]()

    def ask(query: Any) -> list[Mapping[str, Any]]:
        texts.append(str(ibis.to_sql(query, dialect="trino")))
        return []

    count_column(decimal, profile.columns["price"], "trino", ask)
    assert ("VARCHAR" in texts[0]) is (digits in (16, 17, 18))
    off = [one for one in range(10**16, 10**16 + 50) if decimal_in_trino(f"{one // 10**4}.{one % 10**4:04d}")
           != float(Decimal(one).scaleb(-4))]  # fmt: skip
    assert off


def test_the_texts_use_functions_that_both_have() -> None:
    trino = Trino(WINDOW.select(NAMES), "athena")
    names = ("special", "id", "at", "day", "price", "yes", "city")
    trino.count(Profile({name: PROFILE.columns[name] for name in names}, 0))
    for time in ("at utc", "at", "day"):
        window = _within(trino.table, time, datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 5, tzinfo=UTC))
        trino.count(Profile({"normal": PROFILE.columns["normal"]}, 0), window)
    plain = (re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "", text) for text in trino.texts)
    called = {name.lower() for text in plain for name in re.findall(r"\b([A-Za-z_0-9]+)\(", text)}
    assert called - KNOWN == {"array", "decimal"}
