"""The queries that sum products of columns in a database, and their answers as the kernel's covariance."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from mlmon_dagster.adapters.engines._sql_values import SqlValue, kind_of, units_of, value_of
from mlmon_dagster.drift.covariance import COARSE, LIMIT, PARTS, Axis, Covariance
from mlmon_dagster.drift.grid import Grid

PAIRS = 20
"""Pairs of columns in one query: its text stays below what any database allows."""


ALL = 2**62
"""More rows than there are."""


@dataclass(frozen=True)
class _Units:
    """A column of the table in units of its axis: 0 where it has no value, and 1 in `there` where it has one."""

    place: int
    units: Any
    there: Any


def count_covariance(table: Any, covariance: Covariance, dialect: str, ask: Any) -> Covariance:
    """The covariance of an Ibis table's rows; `ask` runs an expression and gives its rows."""
    found = [_units(table, axis, place, dialect) for place, axis in enumerate(covariance.axes)]
    there = [one for one in found if one is not None]
    width = len(covariance.axes)
    parts = {part: np.full((width, width), 0, dtype=object) for part in PARTS}
    clipped = np.zeros(width, dtype=np.int64)
    pairs = list(combinations_with_replacement(there, 2))
    for start in range(0, len(pairs), PAIRS):
        chosen = pairs[start : start + PAIRS]
        (answer,) = ask(_query(table, chosen, dialect))
        for one, two in chosen:
            for part, first, second, name in _names(one.place, two.place):
                parts[part][first, second] = int(answer[name] or 0)
            if one.place == two.place:
                clipped[one.place] = int(answer[f"clipped_{one.place}"] or 0)
    return Covariance.of(covariance.axes, [parts[part] for part in PARTS], clipped)


def _units(table: Any, axis: Axis, place: int, dialect: str) -> _Units | None:
    """None for a column that is not there, or is of text."""
    import ibis

    if axis.name not in table.columns:
        return None
    column = table[axis.name]
    kind = kind_of(axis.name, column.type())
    if kind == "categorical":
        return None
    if kind == "boolean":
        gap = ibis.ifelse(column.isnull(), 1, 0)
        value = SqlValue(ibis.cases((column, 1), else_=0), gap, "int64", 1, "bool")
    else:
        value = value_of(column, dialect)
    units = units_of(value, Grid(np.zeros(1), axis.origin, axis.exponent), dialect)
    held = ibis.least(ibis.greatest(units, int(-LIMIT)), int(LIMIT))
    return _Units(place, ibis.ifelse(value.gap == 0, held, 0).cast("int64"), ibis.ifelse(value.gap == 0, 1, 0))


def _query(table: Any, pairs: list[tuple[_Units, _Units]], dialect: str) -> Any:
    """One row of sums. Postgres would compute units again in each of them: a limit makes it compute them once a row."""
    import ibis

    used = {one.place: one for pair in pairs for one in pair}
    rows = table.select(**{f"u{place}": one.units for place, one in used.items()}, **{
        f"t{place}": one.there for place, one in used.items()
    })  # fmt: skip
    rows = rows.limit(ALL) if dialect == "postgres" else rows
    rows = rows.mutate(**{
        f"c{place}": (rows[f"u{place}"].cast("float64") * 2.0**-COARSE + 0.5).floor().cast("int64") for place in used
    })  # fmt: skip
    rows = rows.limit(ALL) if dialect == "postgres" else rows
    sums: dict[str, Any] = {}
    for one, two in pairs:
        for part, first, second, name in _names(one.place, two.place):
            sums[name] = _product(rows, part, first, second).cast("decimal(38,0)").sum()
        if one.place == two.place:
            sums[f"clipped_{one.place}"] = ibis.ifelse(rows[f"u{one.place}"].abs() >= int(LIMIT), 1, 0).sum()
    return rows.aggregate(**sums)


def _names(one: int, two: int) -> Iterator[tuple[str, int, int, str]]:
    """Part, row and column in it, and the name of each sum of a pair."""
    for part in PARTS:
        for first, second in {(one, two), (two, one)}:
            yield part, first, second, f"{part}_{first}_{second}"


def _product(rows: Any, part: str, first: int, second: int) -> Any:
    units, coarse, there = rows[f"u{first}"], rows[f"c{first}"], rows[f"t{second}"]
    return {
        "rows": lambda: rows[f"t{first}"] * there,
        "sums": lambda: units * there,
        "squares": lambda: units * units * there,
        "products": lambda: units * rows[f"u{second}"],
        "cubes": lambda: coarse * coarse * coarse * rows[f"c{second}"],
        "quarts": lambda: coarse * coarse * rows[f"c{second}"] * rows[f"c{second}"],
    }[part]()
