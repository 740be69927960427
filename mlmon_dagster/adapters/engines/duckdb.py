"""The engine `duckdb`."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError
from mlmon_dagster.ports import Rows

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from mlmon_dagster.adapters.parquet import ColumnStream

READERS = {".parquet": "read_parquet", ".csv": "read_csv", ".csv.gz": "read_csv"}
"""Ending of a file -> DuckDB's function that reads it."""


@dataclass(frozen=True)
class DuckDb:
    """Streams rows through DuckDB in this process: Parquet and CSV of any size, DuckDB databases, and SQL over them.

    A query reads files as the table `rows`, so that it may filter, join or compute before anything is counted.

    Example: `{use: duckdb, memory: 1GB, threads: 4}`
    """

    memory: Annotated[
        str | None,
        Field(pattern=r"^[1-9][0-9]*(MB|GB)$", description="what DuckDB may take, such as 1GB (default: 80 % of all)"),
    ] = None
    threads: Annotated[int | None, Field(ge=1, le=1024, description="threads of DuckDB (default: all)")] = None
    partitions: Annotated[
        bool, Field(description="whether folders called key=value are columns (hive partitions of Parquet)")
    ] = False

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Tables that DuckDB knows (pandas, polars, Arrow), files, `duckdb:///` databases, and queries of all these."""
        from mlmon_dagster.adapters.engines._pieces import PIECE_ROWS, counted, shared

        with self._opened(rows) as relation:
            names = shared(profile, relation.columns)
            if not names:
                return Profile({}, 0)
            chosen = relation.project(", ".join(map(_quoted, names)))
            reader = chosen.to_arrow_reader(PIECE_ROWS)
            return counted(profile, names, chain([reader.schema.empty_table()], reader))

    def read(self, rows: Rows) -> "pa.Table":
        """All rows, in this process."""
        with self._opened(rows, ordered=True) as relation:
            return relation.to_arrow_table()

    @contextmanager
    def stream(self, rows: Rows) -> "Iterator[ColumnStream]":
        """The same rows, column by column and in their order."""
        with self._opened(rows, ordered=True) as relation:
            yield _Stream(relation)

    @contextmanager
    def _opened(self, rows: Rows, *, ordered: bool = False) -> "Iterator[duckdb.DuckDBPyRelation]":
        """What is to be read, as long as its connection is open; errors of DuckDB in our words."""
        import duckdb

        try:
            with self._connected(rows, ordered) as relation:
                yield relation
        except duckdb.Error as error:
            if rows.query is None or isinstance(error, duckdb.IOException):
                raise DataError(f"DuckDB cannot read {_told(rows)}: {_first_line(error)}") from error
            raise InputError(f"DuckDB refuses the query: {_first_line(error)}", hint="check the query") from error

    @contextmanager
    def _connected(self, rows: Rows, ordered: bool) -> "Iterator[duckdb.DuckDBPyRelation]":
        import duckdb

        if rows.place.startswith("duckdb:") and rows.query is None:
            raise InputError(f"{rows.place} needs a query: which rows?", hint="a SELECT statement or a table's name")
        if isinstance(rows.table, duckdb.DuckDBPyRelation):
            yield _queried(rows.table, rows.query)
            return
        with closing(duckdb.connect(*_database(rows.place))) as connection:
            if not ordered:  # or a scan keeps pieces until their turn
                connection.execute("SET preserve_insertion_order = false")
            if self.memory:
                connection.execute(f"SET memory_limit = '{self.memory}'")
            if self.threads:
                connection.execute(f"SET threads = {self.threads}")
            yield _relation(connection, rows, self.partitions)


@dataclass(frozen=True)
class _Stream:
    """A relation as columns that arrive in pieces."""

    relation: "duckdb.DuckDBPyRelation"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.relation.columns)

    @cached_property
    def rows(self) -> int:
        return int(self.relation.count("*").fetchall()[0][0])

    def batches(self, name: str) -> "Iterator[pa.RecordBatch]":
        from mlmon_dagster.adapters.engines._pieces import PIECE_ROWS

        yield from self._read([name], PIECE_ROWS)

    def tables(self, names: "Sequence[str]") -> "Iterator[pa.RecordBatch]":
        from mlmon_dagster.adapters.engines._pieces import PIECE_ROWS

        if names:
            yield from self._read(names, max(1_000, PIECE_ROWS // len(names)))

    def _read(self, names: "Sequence[str]", rows: int) -> "Iterator[pa.RecordBatch]":
        yield from self.relation.project(", ".join(map(_quoted, names))).to_arrow_reader(rows)


def _relation(connection: "duckdb.DuckDBPyConnection", rows: Rows, partitions: bool) -> "duckdb.DuckDBPyRelation":
    query = rows.query
    if query is not None and rows.place.startswith("duckdb:"):
        return _some(connection.sql(query if len(query.split()) > 1 else f"FROM {query}"))
    if rows.table is not None:
        connection.register("rows", _known(rows.table))
        read = connection.table("rows")
    else:
        read = _files(connection, rows.place, partitions)
    return _queried(read, query)


def _queried(read: "duckdb.DuckDBPyRelation", query: str | None) -> "duckdb.DuckDBPyRelation":
    return read if query is None else _some(read.query("rows", query))


def _some(found: "duckdb.DuckDBPyRelation | None") -> "duckdb.DuckDBPyRelation":
    if found is None:
        raise InputError("the query gives no rows", hint="expected a SELECT statement")
    return found


def _files(connection: "duckdb.DuckDBPyConnection", place: str, partitions: bool) -> "duckdb.DuckDBPyRelation":
    from pathlib import Path

    from mlmon_dagster.adapters.tables import ENDINGS, row_files

    if "://" in place:
        import fsspec

        connection.register_filesystem(fsspec.filesystem(place.partition("://")[0]))
        files = [place]
    else:
        files = [str(file) for file in row_files(Path(place))]
    endings = {next((ending for ending in ENDINGS if file.endswith(ending)), "") for file in files}
    readers = {READERS.get(ending) for ending in endings}
    if len(readers) != 1 or None in readers:
        raise InputError(
            f"the engine duckdb reads Parquet or CSV, not {place} ({', '.join(sorted(endings)) or 'no known ending'})",
            hint="the engine memory reads JSON lines too",
        )
    if "read_parquet" in readers:
        return connection.read_parquet(files, union_by_name=True, hive_partitioning=partitions)
    return connection.read_csv(
        files,  # type: ignore[arg-type]  # its stub knows one file only
        union_by_name=True,
        sample_size=-1,
        na_values=_nulls(),
    )


def _nulls() -> list[str]:
    """The texts that are null in the CSV files that the engine memory reads."""
    import pyarrow.csv as csv

    return sorted(set(csv.ConvertOptions().null_values))


def _known(table: Any) -> Any:
    """DuckDB reads pandas, Arrow and polars by itself; a polars frame that is lazy it would collect."""
    return table.collect() if hasattr(table, "collect") and not hasattr(table, "to_arrow") else table


def _database(place: str) -> tuple[str, bool]:
    """File, and whether it is only read."""
    if not place.startswith("duckdb:"):
        return ":memory:", False
    file = place.removeprefix("duckdb:").removeprefix("//").removeprefix("/")
    return file, True


def _told(rows: Rows) -> str:
    from mlmon_dagster.adapters.sources.url import masked

    return masked(rows.place) if rows.place else f"the {type(rows.table).__name__}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
