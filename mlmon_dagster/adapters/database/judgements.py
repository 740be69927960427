"""Verdicts of checks in a database."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, func, insert, select

from mlmon_dagster.adapters.database.engine import connected, one_after_another
from mlmon_dagster.adapters.database.schema import check_results
from mlmon_dagster.adapters.database.windows import replaced
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.ports import Newest

MANY = 500
"""Pipelines named in one query: databases limit how much one may name."""

RECORDING = 7_306_118
"""Key of Postgres' advisory lock: recorders follow one another, so that no cursor passes a row still to be seen."""

SAME = tuple(
    check_results.c[name] for name in ("pipeline", "environment", "stage", "window", "check", "verdict", "reason")
)
"""What a verdict that is no news has in common with the one before."""

COLUMNS = tuple(check_results.c[name] for name in Judged.__dataclass_fields__)


class DatabaseJudgements:
    """See `ports.Judgements`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, judged: Sequence[Judged]) -> None:
        rows = [_row(one) for one in judged]
        if not rows:
            return
        with connected(self._engine, writes=True) as connection:
            one_after_another(connection, RECORDING)
            known: dict[tuple[Any, ...], int] = {}
            for condition in replaced(check_results, rows):
                query = select(check_results.c.id, *SAME).where(condition)
                known |= {tuple(row[1:]): row[0] for row in connection.execute(query)}
                connection.execute(check_results.delete().where(condition))
            kept: list[dict[str, object]] = []
            fresh: list[dict[str, object]] = []
            for row in rows:
                place = known.get(tuple(row[column.name] for column in SAME))
                (fresh if place is None else kept).append(row if place is None else {**row, "id": place})
            for some in filter(None, (kept, fresh)):
                connection.execute(insert(check_results), some)

    def latest(self, pipeline: str, environment: str | None) -> Mapping[str, Judged]:
        return self._first(pipeline, environment, [check_results.c.window.desc(), check_results.c.at.desc()])

    def failures(self, pipeline: str, environment: str | None) -> Mapping[str, Judged]:
        bad = check_results.c.verdict != "ok"
        return self._first(pipeline, environment, [check_results.c.at.desc()], bad)

    def _first(
        self, pipeline: str, environment: str | None, order: list[Any], *where: ColumnElement[bool]
    ) -> Mapping[str, Judged]:
        """The first verdict of every check in that order."""
        table = check_results
        place = func.row_number().over(partition_by=table.c.check, order_by=[*order, table.c.id.desc()])
        ranking = (
            select(*COLUMNS, place.label("place"))
            .where(table.c.pipeline == pipeline, table.c.environment == (environment or ""), *where)
            .subquery()
        )
        query = select(*(ranking.c[column.name] for column in COLUMNS)).where(ranking.c.place == 1)
        with connected(self._engine, writes=False) as connection:
            return {row.check: _judged(row) for row in connection.execute(query.order_by(ranking.c.check))}

    def history(
        self, pipeline: str, environment: str | None, check: str | None = None, *, since: str | None = None
    ) -> Sequence[Judged]:
        table = check_results
        query = select(*COLUMNS).where(table.c.pipeline == pipeline, table.c.environment == (environment or ""))
        query = query.where(table.c.window >= (since or ""))
        if check is not None:
            query = query.where(table.c.check == check)
        with connected(self._engine, writes=False) as connection:
            ordered = query.order_by(table.c.window, table.c.at, table.c.id)
            return [_judged(row) for row in connection.execute(ordered)]

    def of(
        self, check: str, *, pipelines: Sequence[str], environments: Sequence[str], windows: Sequence[str]
    ) -> Sequence[Judged]:
        table, found = check_results, []
        with connected(self._engine, writes=False) as connection:
            for start in range(0, len(pipelines), MANY):
                query = select(*COLUMNS).where(
                    table.c.pipeline.in_(pipelines[start : start + MANY]),
                    table.c.environment.in_(environments),
                    table.c.check == check,
                    table.c.window.in_(windows),
                )
                found += [_judged(row) for row in connection.execute(query.order_by(table.c.id))]
        return found

    def after(self, cursor: int, *, limit: int) -> Sequence[tuple[int, Judged]]:
        query = select(check_results.c.id, *COLUMNS).where(check_results.c.id > cursor)
        with connected(self._engine, writes=False) as connection:
            rows = connection.execute(query.order_by(check_results.c.id).limit(limit)).all()
        return [(row.id, _judged(row)) for row in rows]

    def newest(self, stage: str) -> Mapping[tuple[str, str], Newest]:
        table = check_results
        newest, last = func.max(table.c.window).label("newest"), func.max(table.c.at).label("last")
        query = select(table.c.pipeline, table.c.environment, newest, last).where(table.c.stage == stage)
        with connected(self._engine, writes=False) as connection:
            rows = connection.execute(query.group_by(table.c.pipeline, table.c.environment))
            return {(row.pipeline, row.environment): Newest(row.newest, row.last) for row in rows}


def _row(judged: Judged) -> dict[str, object]:
    row = {name: getattr(judged, name) for name in Judged.__dataclass_fields__}
    numbers = {name: float(value) for name, value in judged.metrics.items()}
    metrics = json.dumps({name: value if math.isfinite(value) else str(value) for name, value in numbers.items()})
    return {**row, "metrics": metrics, "environment": judged.environment or "", "window": judged.window or ""}


def _judged(row: object) -> Judged:
    fields = {column.name: getattr(row, column.name) for column in COLUMNS}
    fields["metrics"] = {name: float(value) for name, value in json.loads(fields["metrics"]).items()}
    return Judged(**{**fields, "environment": fields["environment"] or None, "window": fields["window"] or None})
