"""The engine `auto`."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

    Files below `in_memory_mb` and tables are counted in memory, larger Parquet files by `streaming`, other large files
    and queries of files by `duckdb`, databases in SQL by `ibis`, frames that have not been read yet by their library.

    Example: `{use: auto, in_memory_mb: 256}`
    """

    in_memory_mb: Annotated[int, Field(ge=0, description="files of fewer megabytes are read whole")] = 64

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Whatever one of the other engines takes."""
        return self.chosen(rows).count(rows, profile)

    def stream(self, rows: Rows) -> "AbstractContextManager[ColumnStream]":
        """The same rows, column by column, from an engine that can."""
        from mlmon_dagster.adapters.profiles import streaming_engine

        return streaming_engine(self.chosen(rows)).stream(rows)

    def chosen(self, rows: Rows) -> Engine:
        """The engine that counts these rows."""
        return plugins.parse("engine", self._name(rows))  # type: ignore[no-any-return]

    def _name(self, rows: Rows) -> str:
        if rows.table is not None:
            return _unread(rows.table) or ("memory" if rows.query is None else "duckdb")
        scheme = rows.place.partition("://")[0] if "://" in rows.place else ""
        if rows.place.startswith("duckdb:"):
            return "duckdb"
        if scheme.partition("+")[0] in DATABASES:
            return "ibis"
        if scheme or rows.place == "-":
            return "memory"
        if rows.query is not None:
            return "duckdb"
        return self._for_files(rows.place)

    def _for_files(self, place: str) -> str:
        from mlmon_dagster.adapters.tables import row_files

        files = row_files(Path(place))
        if sum(file.stat().st_size for file in files) < self.in_memory_mb * 1_000_000:
            return "memory"
        endings = {file.suffix for file in files}
        if endings == {".parquet"}:
            return "streaming"
        return "duckdb" if all(file.name.endswith((".csv", ".csv.gz")) for file in files) else "memory"


def _unread(table: Any) -> str | None:
    """The engine of a frame that has not been read; polars has both kinds."""
    library = MAKERS.get(type(table).__module__.partition(".")[0])
    return None if library == "polars" and type(table).__name__ == "DataFrame" else library
