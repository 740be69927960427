"""The engine `ibis`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError, MissingError, UnavailableError
from mlmon_dagster.ports import Rows

ZONES = {
    "postgres": "SET TIME ZONE 'UTC'",
    "trino": "SET TIME ZONE 'UTC'",
    "duckdb": "SET TimeZone = 'UTC'",
    "snowflake": "ALTER SESSION SET TIMEZONE = 'UTC'",
}
"""How a session is told to tell moments in UTC."""


@dataclass(frozen=True)
class Ibis:
    """Counts in a database, in SQL: Postgres, Athena, Trino, Snowflake, DuckDB and others that Ibis knows.

    `url` is a URL of Ibis or refers to a secret that holds one (`env:NAME`, `secretsmanager:ID`). Only counts, sums
    and the names of categories that the profile has come back. Needs `pip install mlmon_dagster[ibis]` and the
    database's driver, such as `ibis-framework[athena]`.

    Example: `{use: ibis, url: env:WAREHOUSE_URL}`
    """

    url: Annotated[
        str | None, Field(min_length=1, description="where the database is, or env:NAME or secretsmanager:ID of it")
    ] = None

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Tables and queries of a database (at `url`, or at the rows' place), and tables of Ibis as they are."""
        try:
            import ibis
        except ImportError as error:
            raise UnavailableError("ibis is not installed", hint="pip install 'mlmon_dagster[ibis]'") from error
        from mlmon_dagster.adapters.engines._pieces import shared
        from mlmon_dagster.adapters.engines._sql_counts import count_column

        with self._connected(rows) as connection:
            try:
                table = _table(connection, rows)
                names = shared(profile, table.columns)

                def ask(query: Any) -> list[Mapping[str, Any]]:
                    found: list[Mapping[str, Any]] = connection.to_pyarrow(query).to_pylist()
                    return found

                columns = {name: count_column(table, profile.columns[name], connection.name, ask) for name in names}
            except (DataError, InputError):
                raise
            except Exception as error:  # every driver has its own kinds of error
                raise _told(error, ibis.common.exceptions.IbisError) from error
        return Profile(columns, next((column.rows for column in columns.values()), 0))

    @contextmanager
    def _connected(self, rows: Rows) -> Iterator[Any]:
        if rows.table is not None:
            yield rows.table.get_backend()
            return
        connection = _connection(rows.place or self.url)
        try:
            yield connection
        finally:
            connection.disconnect()


def _connection(url: str | None) -> Any:
    import ibis

    from mlmon_dagster.adapters.secrets import is_reference, secret
    from mlmon_dagster.adapters.sources.url import masked

    if url is None:
        raise InputError("the engine ibis needs a database", hint="url: env:WAREHOUSE_URL, or the URL itself")
    told = url if is_reference(url) else masked(url)
    try:
        connection = ibis.connect(secret(url) if is_reference(url) else url)
        if connection.name in ZONES:
            connection.raw_sql(ZONES[connection.name])
    except UnavailableError:
        raise
    except Exception as error:  # every driver has its own kinds of error, and some repeat the URL
        raise UnavailableError(
            f"the database {told} cannot be reached ({type(error).__name__})",
            hint="is it running, and is its driver installed? (pip install 'ibis-framework[postgres]')",
        ) from error
    return connection


def _table(connection: Any, rows: Rows) -> Any:
    if rows.table is not None:
        return rows.table
    words = (rows.query or "").split()
    if not words:
        raise InputError("the engine ibis needs a query: which rows?", hint="a SELECT statement or a table's name")
    if len(words) > 1:
        return connection.sql(rows.query)
    *schema, name = words[0].split(".")
    known = connection.list_tables(database=".".join(schema) or None)
    if name not in known:
        from mlmon_dagster.plugins import unknown

        raise MissingError(unknown("table", name, tuple(sorted(known)[:30])))
    return connection.table(name, database=".".join(schema) or None)


def _told(error: Exception, ours: type[Exception]) -> Exception:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    return (DataError if isinstance(error, ours) else InputError)(f"the database refuses to count: {first}")
