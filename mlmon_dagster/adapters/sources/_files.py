"""Files of rows, wherever they come from: which ones are read, and how several become one table."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlmon_dagster.errors import DataError

if TYPE_CHECKING:
    import pyarrow


def read_content(place: str, content: bytes) -> "pyarrow.Table":
    """The table in the bytes of a remote file; `DataError` names `place`."""
    from mlmon_dagster.adapters.tables import read_table

    with TemporaryDirectory() as folder:
        path = Path(folder) / PurePosixPath(place).name
        path.write_bytes(content)
        try:
            return read_table(path)
        except DataError as error:
            raise DataError(error.message.replace(str(path), place), hint=error.hint) from error


def join(tables: Mapping[str, "pyarrow.Table"]) -> "pyarrow.Table":
    """The rows of all tables, in order; a column that one lacks is null there.

    `DataError` when a column has types in two files that do not go together.
    """
    import pyarrow as pa

    if len(tables) == 1:
        return next(iter(tables.values()))
    try:
        return pa.concat_tables(tables.values(), promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataError(f"[SCHEMA] {_differences(tables)}", hint="write the files with the same types") from error


def _differences(tables: Mapping[str, "pyarrow.Table"]) -> str:
    types: dict[str, dict[str, str]] = {}
    for place, table in tables.items():
        for column in table.schema:
            types.setdefault(column.name, {}).setdefault(str(column.type), place)
    return "; ".join(
        f"column {name!r} is " + " and ".join(f"{kind} in {place}" for kind, place in kinds.items())
        for name, kinds in types.items()
        if len(kinds) > 1
    )
