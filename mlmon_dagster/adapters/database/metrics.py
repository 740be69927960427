"""Metrics in a database."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine, func, insert, select

from mlmon_dagster.adapters.database.engine import connected, one_after_another
from mlmon_dagster.adapters.database.schema import metrics
from mlmon_dagster.adapters.database.windows import replaced
from mlmon_dagster.ports import Measured

RECORDING = 7_306_119
"""Key of Postgres' advisory lock: recorders follow one another, so that no cursor passes a row still to be seen."""

COLUMNS = tuple(metrics.c[name] for name in Measured.__dataclass_fields__)


class DatabaseMetrics:
    """See `ports.Metrics`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, measured: Sequence[Measured]) -> None:
        rows = [_row(one) for one in measured]
        if not rows:
            return
        with connected(self._engine, writes=True) as connection:
            one_after_another(connection, RECORDING)
            for condition in replaced(metrics, rows):
                connection.execute(metrics.delete().where(condition))
            if numbers := [row for row, one in zip(rows, measured, strict=True) if not math.isnan(one.value)]:
                connection.execute(insert(metrics), numbers)

    def series(
        self, pipeline: str, environment: str | None, name: str, *, since: str | None = None
    ) -> Sequence[Measured]:
        query = select(*COLUMNS).where(metrics.c.pipeline == pipeline, metrics.c.environment == (environment or ""))
        query = query.where(metrics.c.name == name, metrics.c.window >= (since or ""))
        query = query.order_by(metrics.c.window, metrics.c.at)
        with connected(self._engine, writes=False) as connection:
            return [_measured(row) for row in connection.execute(query)]

    def latest(self, pipeline: str, environment: str | None) -> Mapping[str, Measured]:
        newest = func.row_number().over(
            partition_by=metrics.c.name, order_by=(metrics.c.window.desc(), metrics.c.at.desc(), metrics.c.id.desc())
        )
        ranked = select(*COLUMNS, newest.label("place")).where(
            metrics.c.pipeline == pipeline, metrics.c.environment == (environment or "")
        )
        ranking = ranked.subquery()
        query = select(*(ranking.c[column.name] for column in COLUMNS)).where(ranking.c.place == 1)
        with connected(self._engine, writes=False) as connection:
            return {row.name: _measured(row) for row in connection.execute(query.order_by(ranking.c.name))}

    def last(self, pipeline: str, environment: str | None, name: str, count: int) -> Sequence[Measured]:
        query = select(*COLUMNS).where(metrics.c.pipeline == pipeline, metrics.c.environment == (environment or ""))
        query = query.where(metrics.c.name == name).order_by(metrics.c.at.desc(), metrics.c.window.desc()).limit(count)
        with connected(self._engine, writes=False) as connection:
            return [_measured(row) for row in connection.execute(query)][::-1]

    def after(self, cursor: int, *, limit: int) -> Sequence[tuple[int, Measured]]:
        query = select(metrics.c.id, *COLUMNS).where(metrics.c.id > cursor).order_by(metrics.c.id).limit(limit)
        with connected(self._engine, writes=False) as connection:
            return [(row.id, _measured(row)) for row in connection.execute(query)]

    def heard(self, names: Collection[str]) -> Mapping[tuple[str, str, str], datetime]:
        where = metrics.c.pipeline, metrics.c.environment, metrics.c.name
        query = select(*where, func.max(metrics.c.at).label("last")).where(metrics.c.name.in_(names)).group_by(*where)
        with connected(self._engine, writes=False) as connection:
            return {(row.pipeline, row.environment, row.name): row.last for row in connection.execute(query)}


def _row(measured: Measured) -> dict[str, object]:
    row = {name: getattr(measured, name) for name in Measured.__dataclass_fields__}
    value = {"value": float(measured.value)}
    return {**row, **value, "environment": measured.environment or "", "window": measured.window or ""}


def _measured(row: object) -> Measured:
    fields = {column.name: getattr(row, column.name) for column in COLUMNS}
    return Measured(**{**fields, "environment": fields["environment"] or None, "window": fields["window"] or None})
