"""The engine `duckdb`: SQL over files, CSV, its own databases, and bad input."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rows_of_all_kinds import rows_of_all_kinds

from mlmon_dagster import plugins
from mlmon_dagster.adapters.tables import read_table
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError
from mlmon_dagster.ports import Engine, Rows

TABLE = rows_of_all_kinds(600, seed=3)
PROFILE = Profile.of(rows_of_all_kinds(600, seed=1))
ENGINE: Engine = plugins.parse("engine", "duckdb")


def counted(table: pa.Table, *names: str) -> str:
    return Profile({name: PROFILE.columns[name] for name in names}, 0).counted(table).digest


def only(*names: str) -> Profile:
    return Profile({name: PROFILE.columns[name] for name in names}, 0)


def test_a_query_chooses_among_the_rows_of_files(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "rows.parquet")
    rows = Rows(place=str(tmp_path / "rows.parquet"), query="SELECT normal, city FROM rows WHERE city = 'common'")
    assert ENGINE.count(rows, only("normal")).digest == counted(
        TABLE.filter(pa.compute.equal(TABLE["city"], "common")), "normal"
    )


def test_a_database_of_duckdb_is_read_by_table_or_query(tmp_path: Path) -> None:
    file = tmp_path / "sales.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.register("given", TABLE.select(["normal", "city", "at utc"]))
        connection.execute("CREATE TABLE sales AS FROM given")
    for query in ("sales", "SELECT * FROM sales"):
        found = ENGINE.count(Rows(place=f"duckdb:///{file}", query=query), only("normal", "city", "at utc"))
        assert found.digest == counted(TABLE, "normal", "city", "at utc")


def test_a_relation_of_duckdb_is_counted_where_it_is() -> None:
    relation = duckdb.connect().from_arrow(TABLE.select(["tied"])).filter("tied > 0")
    kept = TABLE.filter(pa.compute.greater(TABLE["tied"], 0))
    assert ENGINE.count(Rows(table=relation), only("tied")).digest == counted(kept, "tied")


def test_csv_files_have_the_types_and_gaps_that_they_have_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(
        "rooms,price,city,sold,yes\n3,1.5,Ulm,2024-01-01,true\n2,NA,,2024-01-02,false\n,inf,n/a,2024-01-03,\n"
        + "".join(f"{n},{n / 8},c{n % 7},2024-02-01,true\n" for n in range(3000))
    )
    table = read_table(file)
    profile = Profile.of(table)
    assert ENGINE.count(Rows(place=str(file)), profile).digest == profile.counted(table).digest


def test_files_with_different_columns_are_one_table(tmp_path: Path) -> None:
    pq.write_table(TABLE.select(["normal", "city"]), tmp_path / "a.parquet")
    pq.write_table(TABLE.select(["city", "tied"]), tmp_path / "b.parquet")
    found = ENGINE.count(Rows(place=str(tmp_path)), only("normal", "city", "tied")).columns
    assert [column.rows for column in found.values()] == [1200, 1200, 1200]
    assert found["tied"].missing == 600 + TABLE["tied"].null_count


@pytest.mark.parametrize(
    ("rows", "error", "says"),
    [
        (Rows(table=TABLE, query="SELECT nonsense FROM rows"), InputError, "nonsense"),
        (Rows(table=TABLE, query="SELECT 1; DROP TABLE rows"), InputError, "DuckDB refuses"),
        (Rows(place="duckdb:///nowhere.duckdb", query="sales"), DataError, "nowhere.duckdb"),
        (Rows(place="duckdb:///nowhere.duckdb"), InputError, "needs a query"),
    ],
)
def test_bad_input_is_told(rows: Rows, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ENGINE.count(rows, only("normal"))


def test_files_it_does_not_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"normal": 1}\n')
    with pytest.raises(InputError, match=r"reads Parquet or CSV, not .*rows\.jsonl"):
        ENGINE.count(Rows(place=str(tmp_path / "rows.jsonl")), only("normal"))


def test_what_cannot_be_a_memory_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="memory"):
        plugins.parse("engine", {"use": "duckdb", "memory": "1 GB'; --"})
