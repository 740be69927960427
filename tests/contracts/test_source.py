"""Every source gives the same rows, cuts the same windows and fails in the same words."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlmon_dagster import plugins
from mlmon_dagster.assets.moments import parse_moments
from mlmon_dagster.assets.window_rows import cut
from mlmon_dagster.errors import DataError, InputError, MissingError, UnavailableError
from mlmon_dagster.lifecycle.outputs import encode
from mlmon_dagster.pipeline.source import Source, parse_source
from mlmon_dagster.pipeline.windows import Windows

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
ROWS = pa.table(
    {
        "id": list(range(200)),
        "sold": [(START + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%S") for n in range(200)],
        "price": [n * 1.25 for n in range(200)],
        "zone": ["north" if n % 3 else "south" for n in range(200)],
    }
)
WINDOWS = Windows(every="daily", start="2024-01-01")
NOW = datetime(2024, 6, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Place:
    """A kind of source in a test: how rows get there, and how they are declared."""

    store: Callable[[pa.Table], dict[str, Any]]
    """Stores the table and returns the declaration that reads it."""
    missing: dict[str, Any]
    """A declaration of something that is not there."""
    missing_name: str
    unreachable: dict[str, Any] | None
    """A declaration of a place that does not answer; `None` where there is no such thing."""
    directory: Path

    def source(self, declared: dict[str, Any]) -> Source:
        return parse_source({**declared, "time": "sold", "key": ["id"]})

    def read(self, declared: dict[str, Any], window: str | None = None) -> pa.Table:
        source = self.source(declared)
        cut_by = WINDOWS.window(window) if window else None
        return source.reader.read(self.directory, source.rows.time, cut_by)


@pytest.fixture
def file(tmp_path: Path) -> Place:
    def store(table: pa.Table) -> dict[str, Any]:
        pyarrow.csv.write_csv(table, tmp_path / "sales.csv")
        return {"use": "file", "path": "sales.csv"}

    missing = {"use": "file", "path": "nowhere/sales.csv"}
    return Place(store, missing, f"{tmp_path}/nowhere/sales.csv", None, tmp_path)


@pytest.fixture
def url(tmp_path: Path) -> Place:
    import fsspec

    def store(table: pa.Table) -> dict[str, Any]:
        with fsspec.open(f"memory://{tmp_path.name}/sales.parquet", "wb") as sink:
            pq.write_table(table, sink)
        return {"use": "url", "url": f"memory://{tmp_path.name}/sales.parquet"}

    missing = {"use": "url", "url": "memory://nowhere/sales.csv"}
    unreachable = {"use": "url", "url": "http://user:secret@127.0.0.1:9/sales.csv"}
    return Place(store, missing, "memory://nowhere/sales.csv", unreachable, tmp_path)


@pytest.fixture
def s3(tmp_path: Path, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="sales")
    place = {"use": "s3", "bucket": "sales", "region": "us-east-1", "endpoint": s3_endpoint}

    def store(table: pa.Table) -> dict[str, Any]:
        half = table.num_rows // 2
        for number, part in enumerate((table.slice(0, half), table.slice(half))):
            sink = pa.BufferOutputStream()
            pq.write_table(part, sink)
            client.put_object(
                Bucket="sales", Key=f"{tmp_path.name}/{number}.parquet", Body=sink.getvalue().to_pybytes()
            )
        client.put_object(Bucket="sales", Key=f"{tmp_path.name}/_SUCCESS", Body=b"")
        client.put_object(Bucket="sales", Key=f"{tmp_path.name}-other/9.parquet", Body=b"another pipeline's")
        return {**place, "prefix": f"{tmp_path.name}/"}

    unreachable = {**place, "endpoint": "http://127.0.0.1:9"}
    return Place(store, {**place, "prefix": "nowhere/"}, "s3://sales/nowhere/", unreachable, tmp_path)


@pytest.fixture
def sql(tmp_path: Path) -> Place:
    store = _database(f"sqlite:///{tmp_path}/sales.db")
    store(ROWS.slice(0, 0))
    missing = {"use": "sql", "url": "sqlite:///sales.db", "table": "nowhere"}
    unreachable = {"use": "sql", "url": "postgresql://someone:secret@127.0.0.1:9/sales", "table": "sales"}
    return Place(store, missing, "nowhere", unreachable, tmp_path)


@pytest.fixture
def sql_on_postgres(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    address = request.getfixturevalue("postgres_server").fresh(tmp_path.name)
    plain = address.replace("+psycopg2", "")
    unreachable = {"use": "sql", "url": plain.replace("127.0.0.1", "127.0.0.2"), "query": "SELECT 1"}
    return Place(_database(plain), {"use": "sql", "url": plain, "table": "nowhere"}, "nowhere", unreachable, tmp_path)


def _database(url: str) -> Callable[[pa.Table], dict[str, Any]]:
    import sqlalchemy as sa

    def store(table: pa.Table) -> dict[str, Any]:
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"), poolclass=sa.NullPool)
        types = {"id": sa.Integer, "sold": sa.String, "price": sa.Float, "zone": sa.String}
        meta = sa.MetaData()
        rows = sa.Table("sales", meta, *(sa.Column(name, types[name]) for name in table.column_names))
        with closing(engine.connect()) as connection, connection.begin():
            meta.drop_all(connection)
            meta.create_all(connection)
            if table.num_rows:
                connection.execute(rows.insert(), table.to_pylist())
        return {"use": "sql", "url": url, "table": "sales"}

    return store


PLACES = [*plugins.names("source"), pytest.param("sql_on_postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    """Every member of the family; one without a fixture of its name here fails, so that none goes untested."""
    made: Place = request.getfixturevalue(request.param)
    return made


def by_window(place: Place, declared: dict[str, Any], window: str) -> pa.Table:
    return cut(place.read(declared, window), place.source(declared).rows, WINDOWS.window(window), NOW).rows


def test_all_rows_come_back(place: Place) -> None:
    table = place.read(place.store(ROWS)).sort_by("id")
    assert table.column_names == ROWS.column_names
    assert table.drop(["sold"]).to_pydict() == ROWS.drop(["sold"]).to_pydict()
    assert parse_moments(table.column("sold")).values.equals(parse_moments(ROWS.column("sold")).values)


def test_a_window_holds_its_first_moment_and_not_its_last(place: Place) -> None:
    declared = place.store(ROWS)
    assert by_window(place, declared, "2024-01-01").column("id").to_pylist() == list(range(24))
    assert by_window(place, declared, "2024-01-02").column("id").to_pylist() == list(range(24, 48))
    assert by_window(place, declared, "2024-01-09").column("id").to_pylist() == list(range(192, 200))
    assert by_window(place, declared, "2024-03-01").num_rows == 0


def test_a_window_is_the_same_wherever_it_is_read_from(place: Place, file: Place) -> None:
    read = by_window(place, place.store(ROWS), "2024-01-03")
    expected = by_window(file, file.store(ROWS), "2024-01-03")
    assert encode(read, ("sold", "id")) == encode(expected, ("sold", "id"))


def test_rows_without_a_time_are_not_lost(place: Place) -> None:
    table = ROWS.slice(0, 2).set_column(1, "sold", pa.array(["2024-01-01T00:00:00", None]))
    declared = place.store(table)
    found = cut(place.read(declared, "2024-01-01"), place.source(declared).rows, WINDOWS.window("2024-01-01"), NOW)
    assert (found.rows.num_rows, found.quarantine.column("reason").to_pylist()) == (1, ["no time"])


def test_something_that_is_not_there_is_named(place: Place) -> None:
    with pytest.raises((MissingError, DataError), match=place.missing_name):
        place.read(place.missing)


def test_a_place_that_does_not_answer_is_unavailable_and_keeps_its_secrets(place: Place) -> None:
    if place.unreachable is None:
        pytest.skip("a file that is not reached is a file that is not there")
    with pytest.raises(UnavailableError) as caught:
        place.read(place.unreachable)
    assert "secret" not in str(caught.value)
    assert caught.value.hint is not None


def test_a_declaration_survives_being_written_and_read(place: Place) -> None:
    declared = place.store(ROWS)
    source = parse_source(json.loads(json.dumps({**declared, "time": "sold"})))
    assert source.reader == place.source(declared).reader


@pytest.mark.parametrize("name", plugins.names("source"))
def test_every_source_documents_itself_and_its_fields(name: str) -> None:
    plugin = plugins.load("source", name)
    assert plugin.__doc__ is not None
    assert f"use: {name}" in plugin.__doc__
    schema = plugins.adapter(plugin).json_schema()
    assert [key for key, field in schema["properties"].items() if "description" not in field] == []


def test_an_unknown_scheme_is_refused(tmp_path: Path) -> None:
    source = parse_source({"use": "url", "url": "gopher://example.org/sales.csv", "time": "sold"})
    with pytest.raises(InputError, match=r"gopher://example\.org/sales\.csv cannot be opened"):
        source.reader.read(tmp_path, "sold", None)
