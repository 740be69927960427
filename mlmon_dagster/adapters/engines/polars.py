"""The engine `polars`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError, UnavailableError
from mlmon_dagster.ports import Rows

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from mlmon_dagster.adapters.parquet import ColumnStream


@dataclass(frozen=True)
class Polars:
    """Streams rows through polars in this process: Parquet of any size, and lazy frames as they are.

    Needs `pip install mlmon_dagster[polars]`.

    Example: `{use: polars}`
    """

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Lazy and other frames of polars, pandas, Arrow, and Parquet files; a query reads them as the table `rows`."""
        from mlmon_dagster.adapters.engines._pieces import counted, shared

        with _opened(rows) as frame:
            names = shared(profile, frame.collect_schema().names())
            if not names:
                return Profile({}, 0)
            chosen = frame.select(names)
            return counted(profile, names, chain([chosen.head(0).collect()], _pieces(chosen)))

    @contextmanager
    def stream(self, rows: Rows) -> "Iterator[ColumnStream]":
        """The same rows, column by column and in their order."""
        with _opened(rows) as frame:
            yield _Stream(frame)


@dataclass(frozen=True)
class _Stream:
    """A lazy frame as columns that arrive in pieces."""

    frame: "pl.LazyFrame"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.frame.collect_schema().names())

    @cached_property
    def rows(self) -> int:
        import polars as pl

        return int(self.frame.select(pl.len()).collect(engine="streaming").item())

    def batches(self, name: str) -> "Iterator[pa.RecordBatch]":
        yield from self.tables([name])

    def tables(self, names: "Sequence[str]") -> "Iterator[pa.RecordBatch]":
        if not names:
            return
        for piece in _pieces(self.frame.select(names), ordered=True):
            yield from piece.to_arrow().to_batches()


@contextmanager
def _opened(rows: Rows) -> "Iterator[pl.LazyFrame]":
    """What is to be read; errors of polars in our words."""
    try:
        import polars as pl
    except ImportError as error:
        raise UnavailableError("polars is not installed", hint="pip install 'mlmon_dagster[polars]'") from error
    try:
        yield _lazy(rows)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise DataError(f"polars cannot read {rows.place or type(rows.table).__name__}: {first}") from error


def _pieces(frame: "pl.LazyFrame", *, ordered: bool = False) -> "Iterator[pl.DataFrame]":
    from mlmon_dagster.adapters.engines._pieces import PIECE_ROWS

    return iter(frame.collect_batches(chunk_size=PIECE_ROWS, maintain_order=ordered, engine="streaming"))


def _lazy(rows: Rows) -> "pl.LazyFrame":
    import polars as pl

    frame = _scanned(rows.place) if rows.table is None else _frame(rows.table)
    return frame if rows.query is None else pl.SQLContext(rows=frame).execute(rows.query)


def _frame(table: Any) -> "pl.LazyFrame":
    import polars as pl

    if isinstance(table, pl.LazyFrame):
        return table
    found = table if isinstance(table, pl.DataFrame) else pl.DataFrame(table)
    return found.lazy()


def _scanned(place: str) -> "pl.LazyFrame":
    from pathlib import Path

    import polars as pl

    from mlmon_dagster.adapters.tables import row_files

    if "://" in place:
        raise InputError(f"the engine polars reads files of this machine, not {place}", hint="use the engine duckdb")
    files = row_files(Path(place))
    other = [file.name for file in files if file.suffix != ".parquet"]
    if other:
        raise InputError(f"the engine polars reads Parquet, not {other[0]}", hint="use the engine duckdb or memory")
    if len({tuple(pl.read_parquet_schema(file).items()) for file in files}) == 1:
        return pl.scan_parquet(files, glob=False)
    return pl.concat([pl.scan_parquet(file, glob=False) for file in files], how="diagonal_relaxed")
