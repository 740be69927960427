"""Files of rows as Arrow tables."""

import re
from collections.abc import Mapping
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.errors import DataError, MissingError

if TYPE_CHECKING:
    import pyarrow

ENDINGS = (".csv", ".csv.gz", ".parquet", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
"""Names of files that hold rows; others (markers, logs) of a folder are passed over."""

PARQUET_MAGIC = b"PAR1"


def read_table(path: str | Path, types: Mapping[str, str] | None = None) -> "pyarrow.Table":
    """The rows of a CSV or JSON lines file (also gzipped) or a Parquet file, or of every such file of a folder or glob.

    Files are read in the order of their names. Types of CSV columns are inferred from all values (a column that mixes
    numbers and text is text) unless `types` names an Arrow type. Empty cells are null, in text columns too.
    Raises `MissingError` for no file, `DataError` for one that cannot be read, with the line where it can be told.
    """
    import pyarrow as pa

    files = row_files(Path(path))
    tables = [_read(file, types or {}) for file in files]
    if len(tables) == 1:
        return tables[0]
    if len({table.schema for table in tables}) > 1:
        tables = [_decoded(table) for table in tables]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataError(f"[SCHEMA] the files of {path} do not have the same columns: {error}") from error


def _decoded(table: "pyarrow.Table") -> "pyarrow.Table":
    """The table with values in the place of codes, which go with no other type."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    return table


def is_index(name: str) -> bool:
    """Whether a column is the numbering of rows that pandas writes into Parquet beside their values."""
    return re.fullmatch(r"__index_level_\d+__", name) is not None


def row_files(path: Path) -> list[Path]:
    if has_magic(str(path)):
        root = Path(path.anchor) if path.is_absolute() else Path()
        found = sorted(file for file in root.glob(str(path.relative_to(path.anchor))) if file.is_file())
    elif path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(ENDINGS))
    else:
        found = [path] if path.exists() else []
    if not found:
        beside = (
            sorted(file.name for file in path.parent.glob("*") if file.is_file())[:8] if path.parent.is_dir() else []
        )
        hint = f"in that folder are: {', '.join(beside)}" if beside else "check the path"
        raise MissingError(f"there is no file {path}", hint=hint)
    return found


def _read(file: Path, types: Mapping[str, str]) -> "pyarrow.Table":
    import pyarrow as pa

    if not file.name.endswith(ENDINGS):
        raise DataError(f"[FORMAT] {file} is not a file of rows; expected a name ending in {', '.join(ENDINGS)}")
    try:
        if file.stat().st_size == 0:
            raise DataError(f"[EMPTY_FILE] {file} is empty", hint="a file without rows still needs its header")
        table = _rows(file, types)
    except OSError as error:
        raise DataError(f"[CORRUPT] {file} cannot be read: {error}") from error
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{_code(error)} {file} cannot be read: {_first_line(error)}", hint=_advice(file)) from error
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise DataError(f"[SCHEMA] {file} has more than one column called {', '.join(twice)}")
    return table


def _rows(file: Path, types: Mapping[str, str]) -> "pyarrow.Table":
    if file.suffix == ".parquet":
        return _parquet(file)
    return _csv(file, types) if file.name.endswith((".csv", ".csv.gz")) else _json_lines(file)


def _json_lines(file: Path) -> "pyarrow.Table":
    """One object a line; a value that is an object or a list has no column a method could measure."""
    import pyarrow as pa
    import pyarrow.json as json

    with pa.CompressedInputStream(file, "gzip") if file.suffix == ".gz" else file.open("rb") as opened:
        return json.read_json(opened, json.ReadOptions(block_size=1 << 24))


def _parquet(file: Path) -> "pyarrow.Table":
    import pyarrow.parquet as pq

    with file.open("rb") as opened:
        if opened.read(4) != PARQUET_MAGIC:
            raise DataError(f"[FORMAT] {file} is not a Parquet file, whatever its name says")
    return pq.ParquetFile(file).read()


def _csv(file: Path, types: Mapping[str, str]) -> "pyarrow.Table":
    import pyarrow as pa
    import pyarrow.csv as csv

    block = max(1 << 20, min(file.stat().st_size * 12, 1 << 28))
    convert = csv.ConvertOptions(
        column_types={name: pa.type_for_alias(kind) for name, kind in types.items()}, strings_can_be_null=True
    )
    try:
        table = csv.read_csv(file, read_options=csv.ReadOptions(block_size=block), convert_options=convert)
    except pa.ArrowInvalid:
        one_by_one = csv.ReadOptions(block_size=block, use_threads=False)  # it tells the number of the row
        table = csv.read_csv(file, read_options=one_by_one, convert_options=convert)
    garbled = [field.name for field in table.schema if pa.types.is_binary(field.type)]
    if garbled:
        raise DataError(
            f"[ENCODING] {file} is not UTF-8 in the column {', '.join(garbled)}", hint="save the file as UTF-8"
        )
    return table


def _code(error: Exception) -> str:
    text = str(error)
    if "UTF8" in text or "utf-8" in text.lower():
        return "[ENCODING]"
    return "[CSV]" if "CSV" in text else "[JSON]" if "JSON" in text else "[CORRUPT]"


def _first_line(error: Exception) -> str:
    """Without what a terminal would take for commands."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(error).splitlines()[0][:300])


def _advice(file: Path) -> str | None:
    """What a CSV file with another separator needs."""
    if not file.name.endswith(".csv"):
        return None
    with file.open("rb") as opened:
        head = opened.readline(10_000)
    if not head.decode("latin-1").replace("\t", "").strip().isprintable():
        return None
    for separator, name in ((b";", "semicolons"), (b"\t", "tabs"), (b"|", "bars")):
        if separator in head and b"," not in head:
            return f"its first line has {name}, and commas are expected between columns"
    return None


def folder_keys(place: str) -> tuple[str, ...]:
    """Keys of folders called `key=value` below a place (hive partitions): no file has them as a column."""
    if place == "-" or "://" in place:
        return ()
    root = Path(place)
    files = row_files(root)
    above = () if has_magic(place) else root.parts
    folders = {part for file in files for part in file.parts[len(above) : -1]}
    return tuple(sorted({part.partition("=")[0] for part in folders if "=" in part.strip("=")}))


def arrays_of(rows: "pyarrow.Table") -> "dict[str, Any]":
    """Columns as arrays: numbers and booleans (missing as NaN), moments as microseconds, the rest as text."""
    import pyarrow as pa

    found: dict[str, Any] = {}
    for name in rows.column_names:
        column = rows[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_temporal(column.type) and not pa.types.is_time(column.type):
            column = column.cast(pa.timestamp("us")).cast(pa.int64())
        if pa.types.is_boolean(column.type) or pa.types.is_decimal(column.type):
            column = column.cast(pa.int8() if pa.types.is_boolean(column.type) else pa.float64())
        found[name] = column.to_numpy()
    return found
