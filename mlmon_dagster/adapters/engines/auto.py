"""The engine `auto`."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from mlmon_dagster import plugins
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.ports import Engine, Rows

if TYPE_CHECKING:
    from mlmon_dagster.adapters.parquet import ColumnStream

DATABASES = ("postgres", "postgresql", "trino", "athena", "snowflake")
"""Schemes of the databases that count by themselves."""

MAKERS = {"polars": "polars", "_duckdb": "duckdb", "duckdb": "duckdb", "ibis": "ibis", "pyspark": "spark"}
"""The library of a table that has not been read yet -> the engine that counts it where it is."""


@dataclass(frozen=True)
class Auto:
    """Takes the engine that suits where the rows are and how many bytes they have; the counts are the same from any.

    Files below `in_memory_mb` (Parquet as it is once it is read, which may be many times more) and tables are counted
    in memory, larger Parquet files by `streaming`, other large files and queries of files by `duckdb`, databases in SQL
    by `ibis`, frames that have not been read yet by their library.

    Example: `{use: auto, in_memory_mb: 256}`
    """

    in_memory_mb: Annotated[
        int,
        Field(ge=0, description="files of fewer megabytes are read whole; of Parquet 8 bytes for each value count"),
    ] = 64

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Whatever one of the other engines takes."""
        return self.chosen(rows).count(rows, profile)

    def stream(self, rows: Rows) -> "AbstractContextManager[ColumnStream]":
        """The same rows, column by column, from an engine that can."""
        from mlmon_dagster.adapters.profiles import streaming_engine

        return streaming_engine(self.chosen(rows)).stream(rows)

    def chosen(self, rows: Rows) -> Engine:
        """The engine that counts these rows."""
        return plugins.parse("engine", self.choice(rows).name)  # type: ignore[no-any-return]

    def choice(self, rows: Rows) -> "Choice":
        """Its name, and why it is that one."""
        if rows.table is not None:
            library = _unread(rows.table)
            if library is not None:
                return Choice(library, "a frame that was not read yet is counted by its own library")
            if rows.query is not None:
                return Choice("duckdb", "a query of a table in memory")
            return Choice("memory", "a table that is in memory already")
        scheme = rows.place.partition("://")[0] if "://" in rows.place else ""
        if rows.place.startswith("duckdb:"):
            return Choice("duckdb", "a DuckDB database")
        if scheme.partition("+")[0] in DATABASES:
            return Choice("ibis", f"{scheme.partition('+')[0]} counts by itself, in SQL")
        if scheme or rows.place == "-":
            return Choice("memory", "standard input is read whole" if rows.place == "-" else f"{scheme} is read whole")
        if rows.query is not None:
            return Choice("duckdb", "a query of files")
        return self._for_files(rows.place)

    def _for_files(self, place: str) -> "Choice":
        from mlmon_dagster.adapters.parquet import unpacked_bytes
        from mlmon_dagster.adapters.tables import row_files

        files = row_files(Path(place))
        parquet = {file.suffix for file in files} == {".parquet"}
        stored = sum(file.stat().st_size for file in files)
        read = max(stored, unpacked_bytes(files) if parquet else 0)
        megabytes = f"{read / 1_000_000:,.1f} MB" + (" once they are read" if read > stored else "")
        if read < self.in_memory_mb * 1_000_000:
            return Choice("memory", f"{megabytes} are less than in_memory_mb: {self.in_memory_mb}")
        large = f"{megabytes} are not less than in_memory_mb: {self.in_memory_mb}"
        if parquet:
            return Choice("streaming", f"{large}, all of it Parquet")
        if all(file.name.endswith((".csv", ".csv.gz")) for file in files):
            return Choice("duckdb", f"{large}, all of it CSV")
        return Choice("memory", f"{large}, but no other engine reads these files")


class Choice(NamedTuple):
    """Which engine counts, and why."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


def told(engine: Engine, rows: Rows) -> str:
    """The engine's name; of `auto` the one that it takes for these rows, and why."""
    return str(engine.choice(rows)) if isinstance(engine, Auto) else plugins.name_of(type(engine))


def _unread(table: Any) -> str | None:
    """The engine of a frame that has not been read; polars has both kinds."""
    library = MAKERS.get(type(table).__module__.partition(".")[0])
    return None if library == "polars" and type(table).__name__ == "DataFrame" else library
