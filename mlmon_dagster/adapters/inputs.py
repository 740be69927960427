"""What a person can name on the command line as rows: files, folders, globs, URLs, a database, standard input."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlmon_dagster.errors import DataError, InputError

if TYPE_CHECKING:
    import pyarrow

STDIN = "-"
PARQUET_MAGIC = b"PAR1"


def read_input(place: str, query: str | None = None) -> "pyarrow.Table":
    """The rows at `place`.

    A path or glob of CSV, Parquet or JSON lines; `-` for any of these on standard input; an `https://` or `s3://` URL
    of such a file; or a database (`duckdb:///` or a SQLAlchemy URL), whose `query` is a SELECT statement or a table.
    """
    if place == STDIN:
        return _standard_input() if query is None else _no_query(place)
    if "://" not in place:
        return _file(place) if query is None else _no_query(place)
    if place.startswith(("http://", "https://", "s3://", "file://")):
        return _url(place) if query is None else _no_query(place)
    return _database(place, query)


def _file(place: str) -> "pyarrow.Table":
    from mlmon_dagster.adapters.tables import is_index, read_table

    table = read_table(place)
    return table.drop_columns([name for name in table.column_names if is_index(name)])


def _url(place: str) -> "pyarrow.Table":
    from mlmon_dagster.adapters.sources.url import Url

    return Url(place).read(Path(), None, None)


def _database(place: str, query: str | None) -> "pyarrow.Table":
    from mlmon_dagster.adapters.sources.sql import Sql

    if query is None:
        raise InputError(
            "a database URL needs a query: which rows?",
            hint='add --reference-query or --current-query "select ...", or the name of a table',
        )
    words = query.split()
    if not words:
        raise InputError("the query is empty; expected a SELECT statement or the name of a table")
    if place.startswith("duckdb:"):
        from mlmon_dagster.adapters.engines.duckdb import DuckDb
        from mlmon_dagster.ports import Rows

        return DuckDb().read(Rows(place=place, query=query))
    return Sql(place, query=query if len(words) > 1 else None, table=query.strip() if len(words) == 1 else None).read(
        Path(), None, None
    )


def _no_query(place: str) -> "pyarrow.Table":
    raise InputError(f"a query was given for {place}, which is no database", hint="expected a SQLAlchemy URL such as "
                     "postgresql://user@host/name or sqlite:///sales.db")  # fmt: skip


def _standard_input() -> "pyarrow.Table":
    """Parquet, JSON lines or CSV: the first bytes tell."""
    from mlmon_dagster.adapters.sources._files import read_content

    content = sys.stdin.buffer.read()
    if not content.strip():
        raise DataError("[EMPTY_FILE] standard input is empty", hint="pipe CSV, JSON lines or Parquet into the command")
    if content.startswith(PARQUET_MAGIC):
        ending = ".parquet"
    else:
        ending = ".jsonl" if content.lstrip().startswith(b"{") else ".csv"
    return read_content(f"standard input{ending}", content)
