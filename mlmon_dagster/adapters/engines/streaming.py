"""The engine `streaming`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import InputError
from mlmon_dagster.ports import Rows

if TYPE_CHECKING:
    from mlmon_dagster.adapters.parquet import ColumnStream, ParquetFiles


@dataclass(frozen=True)
class Streaming:
    """Reads Parquet one column and a few hundred thousand rows at a time: constant memory at any size.

    Example: `{use: streaming}`
    """

    batch_rows: Annotated[int, Field(ge=1_000, description="rows of one column in memory at a time")] = 500_000

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Parquet files of this machine (a path, folder or glob), and tables, which are counted as they are."""
        from mlmon_dagster.adapters.engines._pieces import counted_column, counted_parts, shared
        from mlmon_dagster.adapters.engines.memory import Memory

        if rows.table is not None and rows.query is None:
            return Memory().count(rows, profile)
        files = self._files(rows)
        names = shared(profile, files.names)
        columns = {name: counted_column(profile.columns[name], files.pieces(name)) for name in names}
        parts = counted_parts(profile.parts, files.tables(shared(profile, set(profile.parts.names) & set(files.names))))
        return Profile(columns, files.rows if names else 0, parts)

    @contextmanager
    def stream(self, rows: Rows) -> "Iterator[ColumnStream]":
        """The same files, column by column."""
        yield self._files(rows)

    def _files(self, rows: Rows) -> "ParquetFiles":
        from mlmon_dagster.adapters.parquet import ParquetFiles, is_parquet

        if rows.query is not None or rows.table is not None or not is_parquet(rows.place):
            given = "a query" if rows.query else rows.place or "a table"
            raise InputError(
                f"the engine streaming reads Parquet files of this machine, not {given}",
                hint="the engine duckdb streams CSV, queries and URLs too",
            )
        return ParquetFiles.of(rows.place, self.batch_rows)
