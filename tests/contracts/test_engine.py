"""Every engine counts the same whole numbers, to the byte, and fails in the same words."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aws_jobs import Cluster
from rows_of_all_kinds import rows_of_all_kinds

from mlmon_dagster import plugins
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError, MissingError
from mlmon_dagster.ports import Engine, Rows

REFERENCE = rows_of_all_kinds(14_000, seed=1)
WINDOW = rows_of_all_kinds(3_000, seed=2, shift=0.2)
PROFILE = Profile.of(REFERENCE)
TOGETHER = ("normal", "special", "tied", "tiny", "small", "extreme", "yes", "at", "city")
"""Columns of which a covariance is counted too, where a test says so: one of each kind of value."""
COUNTED = PROFILE.counted(WINDOW)


def only(*names: str) -> Profile:
    return Profile({name: PROFILE.columns[name] for name in names}, PROFILE.rows)


@dataclass(frozen=True)
class Place:
    """An engine, and how rows come to where it counts."""

    engine: Engine
    store: Callable[[pa.Table], Rows]
    missing: Rows | None
    """Rows that are not there; their name has `nowhere` in it."""
    columns: tuple[str, ...] = tuple(PROFILE.columns)
    """Those whose types the engine's store has."""

    @property
    def profile(self) -> Profile:
        return only(*self.columns)


def _in_files(folder: Path) -> Callable[[pa.Table], Rows]:
    """Two files with several row groups each."""

    def store(table: pa.Table) -> Rows:
        folder.mkdir(exist_ok=True)
        half = table.num_rows // 2
        for number, part in enumerate((table.slice(0, half), table.slice(half))):
            pq.write_table(part, folder / f"{number}.parquet", row_group_size=400)
        return Rows(place=str(folder))

    return store


def _embedded(use: object, folder: Path) -> Place:
    return Place(plugins.parse("engine", use), _in_files(folder), Rows(place=str(folder / "nowhere.parquet")))


@pytest.fixture
def memory(tmp_path: Path) -> Place:
    return _embedded("memory", tmp_path / "rows")


@pytest.fixture
def streaming(tmp_path: Path) -> Place:
    return _embedded({"use": "streaming", "batch_rows": 1_000}, tmp_path / "rows")


@pytest.fixture
def auto(tmp_path: Path) -> Place:
    return _embedded({"use": "auto", "in_memory_mb": 0}, tmp_path / "rows")


@pytest.fixture
def duckdb(tmp_path: Path) -> Place:
    return _embedded({"use": "duckdb", "threads": 2, "memory": "500MB"}, tmp_path / "rows")


@pytest.fixture
def polars(tmp_path: Path) -> Place:
    pytest.importorskip("polars")
    return _embedded("polars", tmp_path / "rows")


@pytest.fixture
def spark(tmp_path: Path) -> Place:
    pytest.importorskip("pyspark")
    return _embedded({"use": "spark", "master": "local[2]"}, tmp_path / "rows")


def _of_a_cluster(engine: dict[str, object], folder: Path) -> Place:
    """Jobs run on the Spark of this machine, which reads files where AWS reads S3."""
    pytest.importorskip("pyspark")
    plugins.parse("engine", {"use": "spark", "master": "local[2]"}).session()
    files = _in_files(folder)
    return Place(
        plugins.parse("engine", engine), lambda table: Rows(query=f"SELECT * FROM parquet.`{files(table).place}`"), None
    )


@pytest.fixture
def emr_serverless(tmp_path: Path, cluster: Cluster) -> Place:
    return _of_a_cluster(cluster.emr, tmp_path / "rows")


@pytest.fixture
def glue(tmp_path: Path, cluster: Cluster) -> Place:
    return _of_a_cluster(cluster.glue, tmp_path / "rows")


@pytest.fixture
def ibis(tmp_path: Path) -> Place:
    """DuckDB has no search in an array: its rows are joined with the bins."""
    backend = pytest.importorskip("ibis").duckdb.connect()
    files = _in_files(tmp_path / "rows")

    def store(table: pa.Table) -> Rows:
        return Rows(table=backend.read_parquet(f"{files(table).place}/*.parquet"))

    return Place(plugins.parse("engine", "ibis"), store, None)


@pytest.fixture
def ibis_on_postgres(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    """Postgres searches in an array, as Athena and Trino do; it has no whole numbers of one byte."""
    ibis = pytest.importorskip("ibis")
    pytest.importorskip("psycopg")
    url = request.getfixturevalue("postgres_server").fresh(tmp_path.name).replace("+psycopg2", "")

    def store(table: pa.Table) -> Rows:
        connection = ibis.connect(url)
        names = [name for name in table.column_names if name != "byte"]
        plain = [table[name].cast(pa.string()) if name == "select" else table[name] for name in names]
        connection.create_table("sales", pa.table(plain, names=names), overwrite=True)
        connection.disconnect()
        return Rows(query="SELECT * FROM sales")

    store(WINDOW)
    columns = tuple(name for name in PROFILE.columns if name != "byte")
    return Place(plugins.parse("engine", {"use": "ibis", "url": url}), store, Rows(query="nowhere"), columns)


ON_SPARK = ("spark", "emr_serverless", "glue")
MEMBERS = [pytest.param(name, marks=[pytest.mark.slow] * (name in ON_SPARK)) for name in plugins.names("engine")]
MEMBERS.append(pytest.param("ibis_on_postgres", marks=pytest.mark.postgres))
"""Spark takes half a minute to start."""


@pytest.fixture(params=MEMBERS)
def place(request: pytest.FixtureRequest) -> Place:
    """Every member of the family; one without a fixture of its name here fails, so that none goes untested."""
    made: Place = request.getfixturevalue(request.param)
    return made


def differences(found: Profile, expected: Profile) -> list[str]:
    """Names of the columns whose counts have other bytes: tells more than two digests do."""
    return [
        name
        for name in expected.columns
        if name not in found.columns
        or Profile({name: found.columns[name]}, found.rows).digest
        != Profile({name: expected.columns[name]}, expected.rows).digest
    ]


def test_counts_have_the_same_bytes_as_those_of_the_kernel(place: Place) -> None:
    found, expected = place.engine.count(place.store(WINDOW), place.profile), place.profile.counted(WINDOW)
    assert differences(found, expected) == []
    assert found.digest == expected.digest


def test_covariances_have_the_same_bytes_as_those_of_the_kernel(place: Place) -> None:
    names = [name for name in TOGETHER if name in place.columns]
    profile = Profile.of(REFERENCE.select(names), covariance=True)
    halves = [WINDOW.select(names).slice(start, 1_500) for start in (0, 1_500)]
    parts = [place.engine.count(place.store(half), profile) for half in halves]
    assert [part.digest for part in parts] == [profile.counted(half).digest for half in halves]
    assert parts[0].merge(parts[1]).digest == profile.counted(WINDOW).digest


def test_scores_beside_labels_have_the_same_bytes_or_are_refused_with_what_can(place: Place) -> None:
    names = ["normal", "yes", "city", "special", "tied"]
    pairs = {"normal": "yes", "special": "tied"}
    profile = Profile.of(REFERENCE.select(names), scores=pairs)
    rows = place.store(WINDOW.select(names))
    if plugins.name_of(type(place.engine)) == "ibis":
        with pytest.raises(InputError, match=r"no scores beside labels(.|\n)*duckdb"):
            place.engine.count(rows, profile)
        return
    assert place.engine.count(rows, profile).digest == profile.counted(WINDOW).digest


def test_counts_of_parts_add_up_to_those_of_the_whole(place: Place) -> None:
    names = ("normal", "special", "id", "at", "city", "yes")
    halves = (WINDOW.select(list(names)).slice(start, 1_500) for start in (0, 1_500))
    parts = [place.engine.count(place.store(half), only(*names)) for half in halves]
    assert parts[0].merge(parts[1]).digest == only(*names).counted(WINDOW).digest


def test_a_window_without_rows_has_counts_of_nothing(place: Place) -> None:
    found = place.engine.count(place.store(WINDOW.slice(0, 0)), PROFILE)
    assert (found.rows, tuple(found.columns)) == (0, place.columns)
    assert {column.rows for column in found.columns.values()} == {0}
    assert found.digest == place.profile.counted(WINDOW.slice(0, 0)).digest


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_a_handful_of_rows_with_files_that_have_none_counts_to_the_same_bytes(place: Place, rows: int) -> None:
    """One row leaves the first of two files empty; the first rows are those that are not finite."""
    few = WINDOW.slice(0, rows)
    assert differences(place.engine.count(place.store(few), place.profile), place.profile.counted(few)) == []


def test_a_column_that_the_rows_lack_is_left_out_and_one_that_the_profile_lacks_is_not_counted(place: Place) -> None:
    rows = place.store(WINDOW.select(["normal", "city"]).append_column("more", WINDOW["id"]))
    found = place.engine.count(rows, PROFILE)
    assert list(found.columns) == ["normal", "city"]
    assert found.rows == 3_000


def test_rows_without_any_of_the_columns_have_no_counts(place: Place) -> None:
    found = place.engine.count(place.store(WINDOW.select(["normal"]).rename_columns(["other"])), PROFILE)
    assert dict(found.columns) == {}


def test_a_column_of_another_kind_tells_its_kind_and_stops_no_other(place: Place) -> None:
    table = WINDOW.select(["city", "normal", "tied"]).rename_columns(["normal", "city", "tied"])
    found = place.engine.count(place.store(table), PROFILE).columns
    assert (found["normal"].kind, found["normal"].rows, len(found["normal"].values)) == ("categorical", 3_000, 0)
    assert (found["city"].kind, found["city"].rows, len(found["city"].values)) == ("numeric", 3_000, 0)
    assert found["normal"].missing == WINDOW["city"].null_count
    assert found["tied"].present == COUNTED.columns["tied"].present


def test_one_column_alone_counts_as_it_does_among_others(place: Place) -> None:
    rows = place.store(WINDOW)
    for name in ("normal", "city", "id"):
        assert place.engine.count(rows, only(name)).digest == only(name).counted(WINDOW).digest


def test_what_is_not_there_is_named(place: Place) -> None:
    if place.missing is None:
        pytest.skip("its rows are a table, which is there")
    with pytest.raises(MissingError, match="nowhere"):
        place.engine.count(place.missing, PROFILE)


@pytest.mark.parametrize("name", plugins.names("engine"))
def test_every_engine_documents_itself_and_its_fields(name: str) -> None:
    plugin = plugins.load("engine", name)
    assert plugin.__doc__ is not None
    assert f"use: {name}" in plugin.__doc__
    schema = plugins.adapter(plugin).json_schema()
    assert [key for key, field in schema.get("properties", {}).items() if "description" not in field] == []


TAKERS = ["auto", "memory", "streaming", "duckdb", "polars"]
"""Engines that take tables of this process."""


@pytest.mark.parametrize("name", [*TAKERS, pytest.param("spark", marks=pytest.mark.slow)])
def test_a_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    use = {"use": name, "master": "local[2]"} if name == "spark" else name
    with pytest.raises(DataError, match=r"broken\.parquet"):
        plugins.parse("engine", use).count(Rows(place=str(tmp_path / "broken.parquet")), PROFILE)


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("make", ["arrow", "pandas", "polars"])
def test_tables_of_any_make_are_counted_alike(name: str, make: str) -> None:
    polars = pytest.importorskip("polars")
    names = ["normal", "tied", "wide", "at", "code"]
    table = WINDOW.select(names)
    made = {"arrow": lambda: table, "pandas": table.to_pandas, "polars": lambda: polars.from_arrow(table)}[make]()
    profile = Profile({name: PROFILE.columns[name] for name in names}, PROFILE.rows)
    assert plugins.parse("engine", name).count(Rows(table=made), profile).digest == profile.counted(made).digest
