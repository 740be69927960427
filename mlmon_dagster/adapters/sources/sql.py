"""Rows of a database."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from mlmon_dagster.errors import DataError, InputError, MissingError, UnavailableError
from mlmon_dagster.pipeline.places import not_inside
from mlmon_dagster.pipeline.windows import Window
from mlmon_dagster.plugins import unknown

MARGIN = timedelta(days=2)
"""Rows around the window that are read too: times without a zone may be meant in any."""

if TYPE_CHECKING:
    import pyarrow
    from sqlalchemy import URL, ColumnClause, ColumnElement, Connection, Engine, FromClause, TextClause
    from sqlalchemy.exc import DBAPIError


@dataclass(frozen=True)
class Sql:
    """Reads a table or a query of any database that SQLAlchemy knows; the database itself leaves out other windows.

    Example: `{use: sql, url: "${SALES_DATABASE_URL}", table: sales, time: sold_at, key: [id]}`
    """

    url: Annotated[
        str,
        Field(pattern=r"^[a-z][a-z0-9+]*://", description="SQLAlchemy URL; keep passwords in the environment"),
        AfterValidator(not_inside),
    ]
    query: Annotated[str | None, Field(description="one SELECT statement")] = None
    table: Annotated[str | None, Field(description="a table or view, `schema.name` where it needs one")] = None

    def __post_init__(self) -> None:
        if (self.query is None) == (self.table is None):
            raise ValueError("sql needs exactly one of `query` and `table`")

    def read(self, directory: Path, time: str | None, window: Window | None) -> "pyarrow.Table":
        """The rows of the window and of two days around it (zones differ), or all where times have no known format."""
        import sqlalchemy as sa

        url = self._url(directory)
        engine = _engine(url)
        try:
            with _connected(engine) as connection:
                self._require_table(connection)
                return self._rows(connection, time, window)
        except sa.exc.DBAPIError as error:
            if error.connection_invalidated:
                raise _unavailable(url, error) from error
            message = f"{url.render_as_string()} refuses {self._what}: {_first_line(error)}"
            raise DataError(message, hint="check `query` or `table` of the source") from error
        finally:
            engine.dispose()

    @property
    def _what(self) -> str:
        return f"table {self.table}" if self.table else "the query"

    def _url(self, directory: Path) -> "URL":
        """With the driver that is installed (SQLAlchemy 2.1 takes psycopg 3 for a bare `postgresql://`).

        A SQLite file must be there: connecting would make an empty one.
        """
        import sqlalchemy as sa

        try:
            url = sa.make_url(self.url)
        except sa.exc.ArgumentError as error:
            raise InputError(
                "`url` of the sql source is not a database URL", hint="postgresql://user@host/name"
            ) from error
        if url.drivername in ("postgres", "postgresql"):
            return url.set(drivername="postgresql+psycopg2")
        if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
            path = directory / str(url.database)
            if not path.is_file():
                raise MissingError(f"there is no database file {path}", hint="check `url` of the source")
            return url.set(database=str(path))
        return url

    def _require_table(self, connection: "Connection") -> None:
        import sqlalchemy as sa

        if self.table is None:
            return
        schema, dot, name = self.table.rpartition(".")
        inspector = sa.inspect(connection)
        known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
        if name not in known:
            names = tuple(f"{schema}{dot}{other}" for other in sorted(known)[:30])
            raise MissingError(unknown("table", self.table, names), hint="check `table` of the source")

    def _rows(self, connection: "Connection", time: str | None, window: Window | None) -> "pyarrow.Table":
        import sqlalchemy as sa

        statement = sa.select(sa.text("*")).select_from(self._source)
        if time is not None and window is not None:
            statement = statement.where(_near(connection, self._source, sa.column(time), window))
        result = connection.execute(statement)
        return _table(list(result.keys()), result.fetchall())

    @property
    def _source(self) -> "FromClause | TextClause":
        """What is selected from; a colon in the user's query stays a colon, no parameter of ours."""
        import sqlalchemy as sa

        if self.table is not None:
            schema, _, name = self.table.rpartition(".")
            return sa.table(name, schema=schema or None)
        statement = (self.query or "").strip().rstrip(";").replace(":", r"\:")
        return sa.text(f"({statement}) source")


def _engine(url: "URL") -> "Engine":
    import sqlalchemy as sa

    try:
        return sa.create_engine(url, poolclass=sa.NullPool)
    except (sa.exc.ArgumentError, ImportError) as error:
        message = f"{url.render_as_string()} cannot be opened: {error}"
        raise InputError(message, hint="install the database's driver, or name another (dialect+driver://)") from error


def _connected(engine: "Engine") -> "Connection":
    import sqlalchemy as sa

    try:
        return engine.connect()
    except sa.exc.DBAPIError as error:
        raise _unavailable(engine.url, error) from error


def _unavailable(url: "URL", error: "DBAPIError") -> UnavailableError:
    """The password is masked in the URL; drivers do not repeat it."""
    return UnavailableError(
        f"the database {url.render_as_string()} cannot be reached: {_first_line(error)}",
        hint="is it running, and may this process connect?",
    )


def _first_line(error: "DBAPIError") -> str:
    return str(error.orig).strip().splitlines()[0]


def _near(
    connection: "Connection", source: "FromClause | TextClause", time: "ColumnClause[Any]", window: Window
) -> "ColumnElement[bool]":
    """The condition for rows in or near the window, or without a time; all rows when the column's kind is not clear.

    The kind is that of the oldest and the newest value. Text between them may still be written in another way, which
    would not sort with the rest: it is always read.
    """
    import sqlalchemy as sa

    edges = connection.execute(sa.select(sa.func.min(time), sa.func.max(time)).select_from(source)).one()
    kinds = {_kind(edge) for edge in edges}
    kind = kinds.pop()
    if kinds or kind is None:
        return sa.true()
    start, end = (_WRITERS[kind](moment) for moment in (window.start - MARGIN, window.end + MARGIN))
    strays = [sa.and_(*(time.not_like(shape) for shape in _SHAPES[kind]))] if kind in _SHAPES else []
    return sa.or_(sa.and_(time >= start, time < end), time.is_(None), *strays)


_WRITERS: Mapping[str, Callable[[datetime], Any]] = {
    "aware": lambda moment: moment,
    "naive": lambda moment: moment.replace(tzinfo=None),
    "date": lambda moment: moment.date(),
    "seconds": lambda moment: int(moment.timestamp()),
    "milliseconds": lambda moment: int(moment.timestamp()) * 1000,
    "dashed": lambda moment: moment.strftime("%Y-%m-%d"),
    "compact": lambda moment: moment.strftime("%Y%m%d"),
}
"""How a moment is written in a time column, for each kind of value."""

_SHAPES = {"dashed": ("____-__-__%",), "compact": ("________", "________T%")}
"""What text of a kind looks like, as SQL's LIKE says it."""


def _kind(value: object) -> str | None:
    if isinstance(value, datetime):
        return "naive" if value.tzinfo is None else "aware"
    if isinstance(value, date):
        return "date"
    if isinstance(value, int) and not isinstance(value, bool):
        return "seconds" if 10**8 <= value < 10**11 else "milliseconds" if 10**11 <= value < 10**14 else None
    if isinstance(value, str):
        dashed, compact = re.match(r"\d{4}-\d\d-\d\d", value), re.match(r"\d{8}(T|$)", value)
        return "dashed" if dashed else "compact" if compact else None
    return None


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> "pyarrow.Table":
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    arrays = []
    for name, values in zip(names, columns, strict=True):
        try:
            arrays.append(pa.array(values))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            message = f"[SCHEMA] column {name!r} of the database does not hold one type: {error}"
            raise DataError(message, hint="cast it in `query`") from error
    return pa.Table.from_arrays(arrays, names=list(names))
