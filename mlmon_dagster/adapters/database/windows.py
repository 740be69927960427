"""Which rows a newly recorded window (or moment) takes the place of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_


def replaced(table: Table, rows: Sequence[Mapping[str, Any]]) -> Iterator[ColumnElement[bool]]:
    """One condition for each stage and window among the rows; without a window the moment takes its place."""
    seen = {
        (row["pipeline"], row["environment"], row["stage"], row["window"], None if row["window"] else row["at"])
        for row in rows
    }
    for pipeline, environment, stage, window, at in seen:
        same = and_(
            table.c.pipeline == pipeline,
            table.c.environment == environment,
            table.c.stage == stage,
            table.c.window == window,
        )
        yield same if at is None else and_(same, table.c.at == at)
