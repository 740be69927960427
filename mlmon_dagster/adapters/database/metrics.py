"""Metrics in a database."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, func, insert, select

from mlmon_dagster.adapters.database.engine import connected
from mlmon_dagster.adapters.database.schema import metrics
from mlmon_dagster.adapters.database.windows import replaced
from mlmon_dagster.ports import Measured

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
            for condition in replaced(metrics, rows):
                connection.execute(metrics.delete().where(condition))
            connection.execute(insert(metrics), rows)

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


def _row(measured: Measured) -> dict[str, object]:
    row = {name: getattr(measured, name) for name in Measured.__dataclass_fields__}
    value = {"value": float(measured.value)}
    return {**row, **value, "environment": measured.environment or "", "window": measured.window or ""}


def _measured(row: object) -> Measured:
    fields = {column.name: getattr(row, column.name) for column in COLUMNS}
    return Measured(**{**fields, "environment": fields["environment"] or None, "window": fields["window"] or None})
