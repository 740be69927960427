"""Parquet files as a stream: one column of a few hundred thousand rows at a time, whatever the size of the files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlmon_dagster.adapters.tables import is_index
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import unknown

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet as pq

    from mlmon_dagster.drift.column import Column

BATCH_ROWS = 500_000
"""Rows of one column in memory at a time."""

READ_BUFFER = 1 << 20
"""Bytes of a file that are read ahead: a column's pages are decoded one after the other, never a whole row group."""


class ColumnStream(Protocol):
    """Rows of any size, of which one column is read at a time, in pieces and always in the same order."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def rows(self) -> int: ...

    def batches(self, name: str) -> Iterator["pyarrow.RecordBatch"]: ...

    def tables(self, names: Sequence[str]) -> Iterator["pyarrow.RecordBatch"]:
        """Several columns, row by row, as many rows at a time as take the memory of one column."""
        ...


def pieces_of(stream: ColumnStream, name: str) -> Iterator["Column"]:
    """One column of a stream; floats are in order when something asks for it."""
    import pyarrow as pa

    from mlmon_dagster.drift.column import Column
    from mlmon_dagster.drift.frames import columns_of

    for batch in stream.batches(name):
        rows = batch.column(0)
        if pa.types.is_float64(rows.type) and not rows.null_count:  # nothing to translate
            yield Column.of(name, rows.to_numpy(), in_order=False)
        else:
            yield columns_of(batch, [name], in_order=False)[name]


@dataclass(frozen=True)
class ParquetFiles:
    """Parquet files in the order of their names; a column that one of them lacks has no value there."""

    files: tuple[Path, ...]
    batch_rows: int = BATCH_ROWS

    @classmethod
    def of(cls, place: str | Path, batch_rows: int = BATCH_ROWS) -> "ParquetFiles":
        """The files at a path, folder or glob; `MissingError` for none, `DataError` for one that is no Parquet."""
        from mlmon_dagster.adapters.tables import row_files

        found = cls(tuple(row_files(Path(place))), batch_rows)
        _ = found._fields  # opens them all
        return found

    @cached_property
    def rows(self) -> int:
        """Rows of all files, which their footers tell."""
        return sum(_opened(file).metadata.num_rows for file in self.files)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of all files, in the order in which they are met; pandas' numbering of rows is none."""
        return tuple(name for name in self._fields if not is_index(name))

    def batches(self, name: str) -> Iterator["pyarrow.RecordBatch"]:
        """One column in its order, an empty piece where there is no row; text as codes of a dictionary."""
        import pyarrow as pa

        if name not in self.names:
            raise DataError(unknown(f"column in {self.files[0]}", name, self.names))
        if not self.rows:
            yield pa.RecordBatch.from_pylist([], pa.schema([self._fields[name]]))
        for file, schema in zip(self.files, self._schemas, strict=True):
            if name not in schema.names:
                yield from self._nothing(file, name)
                continue
            try:
                opened = _opened(file, [name] if _is_text(schema.field(name).type) else [])
                yield from opened.iter_batches(self.batch_rows, columns=[name], use_threads=False)
            except OSError as error:
                raise DataError(f"[CORRUPT] {file} cannot be read: {error}") from error

    def tables(self, names: Sequence[str]) -> Iterator["pyarrow.RecordBatch"]:
        """Several columns, row by row; nothing for none."""
        for name in names:
            if name not in self.names:
                raise DataError(unknown(f"column in {self.files[0]}", name, self.names))
        rows = max(1_000, self.batch_rows // max(1, len(names)))
        for file, schema in zip(self.files, self._schemas, strict=True) if names else ():
            there = [name for name in names if name in schema.names]
            try:
                for batch in _opened(file).iter_batches(rows, columns=there, use_threads=False):
                    yield self._filled(batch, names)
            except OSError as error:
                raise DataError(f"[CORRUPT] {file} cannot be read: {error}") from error

    def pieces(self, name: str) -> Iterator["Column"]:
        """The same as columns."""
        return pieces_of(self, name)

    def _nothing(self, file: Path, name: str) -> Iterator["pyarrow.RecordBatch"]:
        """The column of a file that lacks it."""
        import pyarrow as pa

        field, rows = self._fields[name], _opened(file).metadata.num_rows
        for start in range(0, rows, self.batch_rows):
            yield pa.RecordBatch.from_arrays([pa.nulls(min(self.batch_rows, rows - start), field.type)], [name])

    def _filled(self, batch: "pyarrow.RecordBatch", names: Sequence[str]) -> "pyarrow.RecordBatch":
        """The rows with every column, in that order."""
        import pyarrow as pa

        there = set(batch.schema.names)
        columns = [
            batch.column(name) if name in there else pa.nulls(batch.num_rows, self._fields[name].type) for name in names
        ]
        return pa.RecordBatch.from_arrays(columns, list(names))

    @cached_property
    def _fields(self) -> Mapping[str, "pyarrow.Field"]:
        """Each column as the first file has it that has it."""
        found: dict[str, pyarrow.Field] = {}
        for schema in self._schemas:
            for field in schema:
                found.setdefault(field.name, field)
        return found

    @cached_property
    def _schemas(self) -> tuple["pyarrow.Schema", ...]:
        return tuple(_opened(file).schema_arrow for file in self.files)


class LazyColumns(Mapping[str, "pyarrow.ChunkedArray"]):
    """A Parquet file as a table of which each column is read when it is asked for, text as codes of a dictionary.

    `Profile.compare` takes it: one column is in memory at a time, and its memory serves the next one.
    """

    def __init__(self, file: str | Path) -> None:
        schema = _opened(Path(file)).schema_arrow
        self._names = tuple(name for name in schema.names if not is_index(name))
        self._file = _opened(Path(file), [field.name for field in schema if _is_text(field.type)])

    def __getitem__(self, name: str) -> "pyarrow.ChunkedArray":
        if name not in self._names:
            raise KeyError(name)
        return self._file.read([name], use_threads=False).column(0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def unpacked_bytes(files: Sequence[Path]) -> int:
    """What Parquet files take once they are read, as their footers tell: 8 bytes for each value; 0 for other files."""
    values = 0
    for file in files:
        try:
            about = _opened(file).metadata
        except DataError:  # whoever reads it says what is wrong with it
            continue
        values += about.num_rows * about.num_columns
    return 8 * values


def is_parquet(place: str) -> bool:
    """Whether a place on the command line is a Parquet file, or a folder or glob of such files only."""
    from mlmon_dagster.adapters.tables import row_files

    if place == "-" or "://" in place:
        return False
    return all(file.suffix == ".parquet" for file in row_files(Path(place)))


def _opened(file: Path, dictionaries: "list[str] | None" = None) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file, read_dictionary=dictionaries, buffer_size=READ_BUFFER, pre_buffer=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"[CORRUPT] {file} cannot be read as Parquet: {str(error).splitlines()[0][:300]}") from error


def _is_text(kind: "pyarrow.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
