"""The offline feature store: SQL over rows in a closed, in-process DuckDB, and point-in-time joins."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from mlmon_dagster.errors import DataError, InputError
from mlmon_dagster.plugins import unknown

if TYPE_CHECKING:
    import duckdb
    import pyarrow


def connect() -> "duckdb.DuckDBPyConnection":
    """A connection of its own to an empty database in memory: no files, no network, no extensions, times in UTC."""
    return _database().cursor()


@cache
def _database() -> "duckdb.DuckDBPyConnection":
    """The process's database, because opening one costs forty times a connection; what it forbids cannot be undone."""
    import duckdb

    database = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "python_enable_replacements": "false",
            "threads": "2",
        },
    )
    database.execute("SET GLOBAL TimeZone = 'UTC'")
    database.execute("SET lock_configuration = true")
    return database


def point_in_time(
    spine: "pyarrow.Table", features: "pyarrow.Table", *, key: Sequence[str], time: str
) -> "pyarrow.Table":
    """Each row of `spine` with the features of its key as they were known at its time.

    That is the latest row of `features` with the same key and a time at or before the spine row's (the last one given,
    of several with one time), so that no row learns from its future. The spine's rows and order stay; features are null
    where nothing was known. Raises `DataError` when a key or time column is missing and `InputError` when both tables
    have another column of one name.

    >>> import pyarrow as pa
    >>> spine = pa.table({"house": [1, 1, 2], "at": [5, 9, 9]})
    >>> known = pa.table({"house": [1, 1], "at": [3, 8], "price": [100, 120]})
    >>> point_in_time(spine, known, key=["house"], time="at").column("price").to_pylist()
    [100, 120, None]
    """
    import duckdb
    import pyarrow as pa

    by = [name for name in key if name != time]
    for title, table in (("spine", spine), ("features", features)):
        for name in (*by, time):
            if name not in table.column_names:
                raise DataError(f"[SCHEMA] in the {title} {unknown('column', name, tuple(table.column_names))}")
    values = [name for name in features.column_names if name not in (*by, time)]
    twice = [name for name in values if name in spine.column_names]
    if twice:
        raise InputError(f"both tables have {', '.join(twice)}", hint="rename or drop one side's before the join")
    left = spine.append_column("_row", pa.array(range(spine.num_rows), pa.int64()))
    right = features.append_column("_row", pa.array(range(features.num_rows), pa.int64()))
    with connect() as connection:
        connection.register("spine", left)
        connection.register("features", right)
        try:
            return connection.sql(_asof(by, time, spine.column_names, values)).to_arrow_table()
        except duckdb.Error as error:
            raise DataError(f"[SCHEMA] keys or times of the two tables do not compare: {error}") from error


def _asof(by: Sequence[str], time: str, columns: Sequence[str], values: Sequence[str]) -> str:
    keys = ", ".join(quoted(name) for name in (*by, time))
    same = "".join(f"s.{quoted(name)} = f.{quoted(name)} AND " for name in by)
    shown = ", ".join([*(f"s.{quoted(name)}" for name in columns), *(f"f.{quoted(name)}" for name in values)])
    latest = f"SELECT * FROM features QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _row DESC) = 1"  # noqa: S608
    on = f"{same}s.{quoted(time)} >= f.{quoted(time)}"
    return f"SELECT {shown} FROM spine s ASOF LEFT JOIN ({latest}) f ON {on} ORDER BY s._row"  # noqa: S608


def quoted(name: str) -> str:
    """A column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'
