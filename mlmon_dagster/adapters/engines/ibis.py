"""The engine `ibis`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from mlmon_dagster.drift.parts import Parts
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError, MissingError, UnavailableError
from mlmon_dagster.pipeline.places import not_inside
from mlmon_dagster.plugins import unknown
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
    """Counts in a database, in SQL: Postgres, Athena, Trino, Snowflake and others that Ibis knows.

    `url` is a URL of Ibis or refers to a secret that holds one (`env:NAME`, `secretsmanager:ID`). Only counts, sums
    and the names of categories that the profile has come back. Needs `pip install mlmon_dagster[ibis]` and the
    database's driver, such as `ibis-framework[athena]`.

    In a pipeline, `table` and `time` say which rows are a window's: those of the table from its start to before its
    end, instead of the rows that the stages kept.

    Example: `{use: ibis, url: env:WAREHOUSE_URL, table: scored.sales, time: scored_at}`
    """

    url: Annotated[
        Annotated[str, Field(min_length=1), AfterValidator(not_inside)] | None,
        Field(description="where the database is, or env:NAME or secretsmanager:ID of it"),
    ] = None

    table: Annotated[
        str | None,
        Field(min_length=1, description="table with the rows of windows, schema.name, or a SELECT statement"),
    ] = None
    time: Annotated[str | None, Field(min_length=1, description="its column with each row's moment (UTC)")] = None

    def __post_init__(self) -> None:
        if (self.table is None) != (self.time is None):
            raise ValueError("`table` and `time` go together: which rows, and when they were")

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Tables and queries of a database (at `url`, or at the rows' place), and tables of Ibis as they are."""
        for name in profile.scores:
            raise InputError(
                f"the engine ibis counts columns and pairs of numbers, but no scores beside labels, as of {name}",
                hint="count with duckdb, polars, streaming or spark, or like a profile that keeps no scores",
            )
        try:
            import ibis
        except ImportError as error:
            raise UnavailableError("ibis is not installed", hint="pip install 'mlmon_dagster[ibis]'") from error
        from mlmon_dagster.adapters.engines._pieces import shared
        from mlmon_dagster.adapters.engines._sql_counts import count_column
        from mlmon_dagster.adapters.engines._sql_pairs import count_covariance

        with self._connected(rows) as connection:
            try:
                table = self._table(connection, rows)
                names = shared(profile, table.columns)

                def ask(query: Any) -> list[Mapping[str, Any]]:
                    found: list[Mapping[str, Any]] = connection.to_pyarrow(query).to_pylist()
                    return found

                columns = {name: count_column(table, profile.columns[name], connection.name, ask) for name in names}
                kept = profile.covariance
                together = None if kept is None else count_covariance(table, kept, connection.name, ask)
                parts = Parts(together)
            except (DataError, InputError):
                raise
            except Exception as error:  # every driver has its own kinds of error
                raise _told(error, ibis.common.exceptions.IbisError) from error
        return Profile(columns, next((column.rows for column in columns.values()), 0), parts)

    def _table(self, connection: Any, rows: Rows) -> Any:
        if self.table is not None and self.time is not None and not rows.query:
            return _within(_named(connection, self.table), self.time, rows.start, rows.end)
        if rows.table is not None:
            return rows.table
        if not (rows.query or "").split():
            raise InputError("the engine ibis needs a query: which rows?", hint="a SELECT statement or a table's name")
        return _named(connection, str(rows.query))

    @contextmanager
    def _connected(self, rows: Rows) -> Iterator[Any]:
        if rows.table is not None and self.table is None:
            if not hasattr(rows.table, "get_backend"):
                raise InputError(
                    f"the engine ibis counts in a database, not in a {type(rows.table).__name__} of this process",
                    hint="say which `table` has the rows, and its `time`; or use another engine",
                )
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
        connection = ibis.connect(_plain(secret(url) if is_reference(url) else url))
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


def _plain(url: str) -> str:
    """The URL without a driver, which SQLAlchemy's may name: `postgresql+psycopg2://`."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{separator}{rest}"


def _named(connection: Any, name: str) -> Any:
    """A table, or the rows of a query."""
    words = name.split()
    if len(words) > 1:
        return connection.sql(name)
    *schema, last = words[0].split(".")
    known = connection.list_tables(database=".".join(schema) or None)
    if last not in known:
        raise MissingError(unknown("table", last, tuple(sorted(known)[:30])))
    return connection.table(last, database=".".join(schema) or None)


def _within(table: Any, name: str, start: datetime | None, end: datetime | None) -> Any:
    if name not in table.columns:
        raise MissingError(unknown(f"column in {table.get_name()}", name, tuple(table.columns)), hint="check `time`")
    time = table[name]
    if not (time.type().is_timestamp() or time.type().is_date()):
        raise DataError(f"the column {name!r} is {time.type()}, expected moments", hint="check `time` of the engine")
    zoned = getattr(time.type(), "timezone", None) is not None
    for moment, before in ((start, False), (end, True)):
        if moment is not None:
            limit = moment.date() if time.type().is_date() else moment if zoned else moment.replace(tzinfo=None)
            table = table.filter(time < limit if before else time >= limit)
    return table


def _told(error: Exception, ours: type[Exception]) -> Exception:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    return (DataError if isinstance(error, ours) else InputError)(f"the database refuses to count: {first}")
