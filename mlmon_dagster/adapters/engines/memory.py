"""The engine `memory`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import InputError
from mlmon_dagster.ports import Rows

if TYPE_CHECKING:
    import pyarrow as pa

    from mlmon_dagster.adapters.parquet import ColumnStream


@dataclass(frozen=True)
class Memory:
    """Reads all rows into this process, then counts them: the quickest for what fits.

    Example: `{use: memory}`
    """

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Tables, files, URLs, and databases that SQLAlchemy knows (their `query` only)."""
        from mlmon_dagster.adapters.engines._pieces import counted, shared
        from mlmon_dagster.drift.frames import names_of

        table = _read(rows)
        return counted(profile, shared(profile, names_of(table)), [table])

    @contextmanager
    def stream(self, rows: Rows) -> "Iterator[ColumnStream]":
        """The same rows, column by column."""
        import narwhals.stable.v2 as nw

        yield _Stream(nw.from_native(_read(rows)).lazy().collect("pyarrow").to_native())


@dataclass(frozen=True)
class _Stream:
    """A table as columns that arrive in one piece for each of its chunks."""

    table: "pa.Table"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.table.column_names)

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    def batches(self, name: str) -> "Iterator[pa.RecordBatch]":
        yield from self.tables([name])

    def tables(self, names: "Sequence[str]") -> "Iterator[pa.RecordBatch]":
        yield from self.table.select(list(names)).to_batches() if names else ()


def _read(rows: Rows) -> Any:
    from mlmon_dagster.adapters.inputs import read_input

    if rows.table is not None and rows.query is not None:
        raise InputError("the engine memory does not query tables", hint="the engine duckdb does")
    return rows.table if rows.table is not None else read_input(rows.place, rows.query)
