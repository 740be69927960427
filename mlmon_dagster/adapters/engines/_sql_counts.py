"""The queries that count a column of a database, and their answers as the column that the kernel would have counted."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from mlmon_dagster.adapters.engines._sql_bins import SEARCHES, TEXT_LIMITS, Bins, joined, searched
from mlmon_dagster.adapters.engines._sql_values import (
    INFINITE,
    INT64,
    MINUS_INFINITE,
    MISSING,
    SqlValue,
    gap_of,
    is_void,
    kind_of,
    units_of,
    value_of,
)
from mlmon_dagster.drift import bins as kept
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.fixed_point import LIMB, carried
from mlmon_dagster.drift.grid import LIMIT, Grid
from mlmon_dagster.drift.profile import like
from mlmon_dagster.errors import DataError

Row = Mapping[str, Any]

NAMES_ROOM = 100_000
"""Bytes of category names in one query."""


def count_column(table: Any, reference: Column, dialect: str, ask: Any) -> Column:
    """One column of an Ibis table, counted like the reference's; `ask` runs an expression and gives its rows."""
    name = reference.name
    column = table[name]
    if is_void(column.type()):
        return _void(table, reference, ask)
    kind = kind_of(name, column.type())
    if kind != reference.kind:
        return _foreign(table, name, kind, ask)
    if not reference.ordered:
        return _categories(table, reference, dialect, ask)
    value = value_of(column, dialect)
    if value.dtype == "uint64" and reference.grid.edges[-1] > INT64[1]:
        raise DataError(
            f"column {name!r} reaches beyond int64, which SQL counts in", hint="count with duckdb or polars"
        )
    answers = [row for query in binning(table, value, reference.grid, dialect) for row in ask(query)]
    return _column(reference, value, answers)


def binning(table: Any, value: SqlValue, grid: Grid, dialect: str) -> Iterator[Any]:
    """One row for each bin with rows in it, and for each kind of gap; several queries where the text is limited."""
    rows = table.select(mlmon_value=value.value, mlmon_gap=value.gap)
    inner = SqlValue(rows.mlmon_value, rows.mlmon_gap, value.type, value.factor, value.dtype)
    bins = Bins.of(grid, inner)
    if dialect not in SEARCHES:
        together, number = joined(rows, inner, bins)
        yield _grouped(together.mutate(mlmon_number=number), inner, grid, dialect)
        return
    for condition, number in searched(inner, bins, dialect):
        yield _grouped(rows.filter(condition).mutate(mlmon_number=number), inner, grid, dialect)


def _grouped(rows: Any, value: SqlValue, grid: Grid, dialect: str) -> Any:
    import ibis

    here = SqlValue(rows.mlmon_value, rows.mlmon_gap, value.type, value.factor, value.dtype)
    rows = rows.mutate(mlmon_units=units_of(here, grid, dialect))
    units = rows.mlmon_units.cast("decimal(38,0)")
    return rows.group_by(bin=rows.mlmon_number.cast("int64")).aggregate(
        rows=rows.count(),
        sum=units.sum(),
        squares=(units * units).sum(),
        low=rows.mlmon_value.min(),
        high=rows.mlmon_value.max(),
        clipped=ibis.ifelse(rows.mlmon_units.abs() >= int(LIMIT), 1, 0).sum(),
        broken=ibis.ifelse(_broken(rows.mlmon_value, value, grid), 1, 0).sum(),
    )


def _broken(one: Any, value: SqlValue, grid: Grid) -> Any:
    """Whether a value lies between two whole numbers; it matters only where the grid's edges are whole."""
    import ibis

    if value.type == "int64" or grid.edges.dtype.kind == "f":
        return one < one
    return ibis.ifelse(one.abs() < 2.0**53, one.floor() != one, False)


def _column(reference: Column, value: SqlValue, answers: Iterable[Row]) -> Column:
    grid = reference.grid
    size = len(grid.edges) + 1
    counts, sums = np.zeros(size, dtype=np.int64), np.zeros((2, size), dtype=np.int64)
    gaps = dict.fromkeys((MISSING, INFINITE, MINUS_INFINITE), 0)
    total = squares = clipped = broken = 0
    ends: list[Any] = []
    for row in answers:
        number, rows = int(row["bin"]), int(row["rows"])
        if number < 0:
            gaps[number] += rows
            continue
        counts[number] += rows
        high, low = divmod(int(row["sum"]), 2**LIMB)
        sums[:, number] += (high, low)
        total, squares = total + int(row["sum"]), squares + int(row["squares"])
        clipped, broken = clipped + int(row["clipped"]), broken + int(row["broken"])
        ends += [row["low"], row["high"]]
    whole = grid.edges.dtype.kind == "f" or not broken
    scale = float if value.type == "float64" else int
    low_end, high_end = (scale(one) * value.factor + 0 for one in (min(ends), max(ends))) if ends else (None, None)
    bins = kept.Bins(
        grid, carried(sums), total, squares, int(counts.sum()), low_end, high_end, clipped, whole,
    )  # fmt: skip
    infinite = gaps[INFINITE] + gaps[MINUS_INFINITE]
    return Column(
        reference.name, reference.kind, kept.upper_ends(grid), counts, gaps[MISSING], infinite, gaps[MINUS_INFINITE],
        dtype=value.dtype, bins=bins,
    )  # fmt: skip


def _categories(table: Any, reference: Column, dialect: str, ask: Any) -> Column:
    """Rows of each category that the reference names; no other value of the column leaves the database."""
    import ibis

    column = table[reference.name]
    boolean = reference.kind == "boolean"
    value = ibis.cases((column, 1), (~column, 0)) if boolean else column
    names = reference.ascending.tolist()
    found: dict[Any, int] = {}
    for part in _in_parts(names, dialect):
        chosen = table.select(mlmon_value=value).filter(lambda rows, part=part: rows.mlmon_value.isin(part))
        for row in ask(chosen.group_by("mlmon_value").aggregate(rows=chosen.count())):
            found[row["mlmon_value"]] = int(row["rows"])
    rows, missing = _rows(table, reference.name, ask)
    counts = np.array([found.get(name, 0) for name in names], dtype=np.int64)
    other = rows - missing - int(counts.sum())
    dtype = "bool" if boolean else "text"
    return Column(reference.name, reference.kind, reference.ascending, counts, missing, other=other, dtype=dtype)


def _in_parts(names: list[Any], dialect: str) -> Iterator[list[Any]]:
    room = NAMES_ROOM if dialect in TEXT_LIMITS else 1 << 22
    part: list[Any] = []
    for name in names:
        part.append(name)
        room -= len(str(name).encode()) + 8
        if room < 0:
            yield part
            part, room = [], NAMES_ROOM
    if part:
        yield part


def _void(table: Any, reference: Column, ask: Any) -> Column:
    """A column of the type of NULL: rows without a value, of which the kernel makes numbers."""
    rows = sum(int(row["rows"]) for row in ask(table.aggregate(rows=table.count())))
    return like(reference, Column(reference.name, "numeric", np.empty(0), missing=rows, dtype="float64"))


def _foreign(table: Any, name: str, kind: Any, ask: Any) -> Column:
    """See `_pieces.foreign`."""
    from mlmon_dagster.adapters.engines._pieces import foreign

    rows, missing = _rows(table, name, ask)
    values = np.empty(0, dtype=object if kind == "categorical" else np.int64)
    return foreign(Column(name, kind, values, np.zeros(0, dtype=np.int64), missing, other=rows - missing))


def _rows(table: Any, name: str, ask: Any) -> tuple[int, int]:
    """All rows, and those without a value."""
    gaps = table.select(mlmon_gap=gap_of(table[name]))
    answer = {
        int(row["mlmon_gap"]): int(row["rows"]) for row in ask(gaps.group_by("mlmon_gap").aggregate(rows=gaps.count()))
    }
    return sum(answer.values()), answer.get(MISSING, 0)
