"""Which bin of a grid a value lies in, said in SQL: by the database's search in an array, or by a join with bins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.adapters.engines._sql_values import SqlValue, literal
from mlmon_dagster.drift.grid import Grid
from mlmon_dagster.drift.search import Array, floored

SEARCHES = ("postgres", "trino", "athena")
"""Databases with `width_bucket(value, array)`."""

TEXT_LIMITS = {"athena": 262_144, "trino": 1_000_000}
"""Bytes that a query may have. Athena's limit cannot be raised."""

ROOM = 0.7
"""The share of a query's text that bins may take: the rest of it names columns and tables."""

EXACT = 2**53
"""Whole numbers below it are exact as float64."""

STEP, CELLS = 256, 512
"""Bins between two pivots, and cells that the space between them is cut into."""


@dataclass(frozen=True)
class Bins:
    """The bins that values of a column's type can lie in: the first has the number `offset`, each start begins another.

    A value's bin is `offset` and the number of starts at or below it. Grids have bins that are closed on the right:
    the next number after an edge is the start of the bin above it.
    """

    starts: Array
    offset: int

    @classmethod
    def of(cls, grid: Grid, value: SqlValue) -> "Bins":
        """The grid's bins for values of that type."""
        edges = grid.edges // value.factor if value.factor > 1 else grid.edges
        held, none = floored(edges, np.dtype(value.type))
        offset = int(none.sum()) if none is not None else 0
        held = held[offset:]
        if value.type == "float64":
            return cls(np.nextafter(held, np.inf) + 0.0, offset)
        return cls(held[held < np.iinfo(np.int64).max] + 1, offset)


def searched(value: SqlValue, bins: Bins, dialect: str) -> Iterator[tuple[Any, Any]]:
    """(condition, bin) for each query that is needed: so many that none is longer than the database allows.

    Each row fulfils the condition of one of them; rows with a gap that of the first.
    """
    import ibis

    parts = list(_parts(bins.starts, dialect))
    for number, (begin, end) in enumerate(parts):
        inside = value.gap == 0
        if begin:
            inside = inside & (value.value >= _literal(bins.starts[begin - 1]))
        if end < len(bins.starts):
            inside = inside & (value.value < _literal(bins.starts[end]))
        found = bins.offset + begin + _count(value, bins.starts[begin:end], dialect)
        condition = inside if number else (value.gap != 0) | inside
        yield condition, ibis.ifelse(value.gap != 0, value.gap, found)


def _parts(starts: Array, dialect: str) -> Iterator[tuple[int, int]]:
    """Ranges of the starts that one query has room for; the start at a range's end begins the next one."""
    limit = TEXT_LIMITS.get(dialect)
    if limit is None:
        yield 0, len(starts)
        return
    begin, room = 0, limit * ROOM
    for place, start in enumerate(starts.tolist()):
        room -= len(repr(float(start))) + 1
        if room < 0:
            yield begin, place
            begin, room = place + 1, limit * ROOM
    yield begin, len(starts)


def _count(value: SqlValue, starts: Array, dialect: str) -> Any:
    """How many of the ascending starts are at or below the value.

    The database's search takes float64 only: whole numbers are told by their distance from a start before them, less
    than 2**53, which is exact.
    """
    import ibis

    if not len(starts):
        return ibis.literal(0, "int64")
    if value.type == "float64":
        return _width_bucket()(value.value, _array(starts, dialect))
    cases, begin = [(value.value < _literal(starts[0]), ibis.literal(0, "int64"))], 0
    while begin < len(starts):
        base = int(starts[begin])
        away = [one - base for one in starts[begin:].tolist()]
        away = away[: int(np.searchsorted(np.array(away, dtype=object), EXACT))]
        end = begin + len(away)
        many = _array(np.array(away, dtype=float), dialect)
        search = begin + _width_bucket()((value.value - base).cast("float64"), many)
        cases.append((value.value < _literal(starts[end - 1]), search))
        if end < len(starts):
            cases.append((value.value < _literal(starts[end]), ibis.literal(end, "int64")))
        begin = end
    return ibis.cases(*cases, else_=ibis.literal(len(starts), "int64"))


def joined(table: Any, value: SqlValue, bins: Bins) -> tuple[Any, Any]:
    """The table joined with the bins, and the bin of each row: for databases without a search in arrays.

    Pivots and cells between them say where to look: a value is compared with the few bins of its own cell.
    """
    import ibis
    import pyarrow as pa

    first = np.concatenate([_end(bins.starts, low=True), bins.starts])
    last = np.concatenate([_before(bins.starts), _end(bins.starts, low=False)])
    numbers = bins.offset + np.arange(len(first))
    there = first <= last
    cells = Cells.of(bins.starts)
    low, high = cells.numbers(first[there]), cells.numbers(last[there])
    many = high - low + 1
    where = np.repeat(low, many) + np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    gaps = np.array([-1, -2, -3])
    known = pa.table(
        {
            "mlmon_cell": np.concatenate([gaps, where]),
            "mlmon_bin": np.concatenate([gaps, np.repeat(numbers[there], many)]),
            "mlmon_first": np.concatenate([np.repeat(first[:1], 3), np.repeat(first[there], many)]),
            "mlmon_last": np.concatenate([np.repeat(last[-1:], 3), np.repeat(last[there], many)]),
        }
    )
    rows = table.mutate(mlmon_at=ibis.ifelse(value.gap != 0, value.gap, cells.expression(value.value)))
    all_bins = ibis.memtable(known)
    within = [
        rows.mlmon_at == all_bins.mlmon_cell,
        rows.mlmon_value >= all_bins.mlmon_first,
        rows.mlmon_value <= all_bins.mlmon_last,
    ]
    together = rows.join(all_bins, within)
    return together, together.mlmon_bin


@dataclass(frozen=True)
class Cells:
    """A number for each value that never falls while values rise, cheap to compute in SQL and the same in numpy.

    Segments end at pivots, among which a tree of comparisons finds; within a segment cells are equally wide.
    """

    pivots: Array
    scales: Array
    """Cells in one unit of length, for each segment between two pivots; 0 for one cell."""

    @classmethod
    def of(cls, starts: Array) -> "Cells":
        """Pivots so that segments have equally many bins."""
        pivots = np.unique(starts[::STEP].astype(np.float64))
        with np.errstate(all="ignore"):
            scales = CELLS / np.diff(pivots)
        return cls(pivots, np.where(np.isfinite(scales), scales, 0.0))

    def numbers(self, values: Array) -> Array:
        """The cell of each value."""
        wide = values.astype(np.float64)
        segment = np.searchsorted(self.pivots, wide, side="left")
        found = segment * CELLS
        inner = (segment > 0) & (segment < len(self.pivots))
        at = segment[inner] - 1
        within = np.floor((wide[inner] - self.pivots[at]) * self.scales[at])
        found[inner] += np.minimum(within, CELLS - 1).astype(np.int64)
        return np.asarray(found)

    def expression(self, value: Any) -> Any:
        """The same in SQL."""
        return self._tree(value.cast("float64"), 0, len(self.pivots))

    def _tree(self, value: Any, begin: int, end: int) -> Any:
        """The cell among segments from `begin` to `end`."""
        import ibis

        if begin == end:
            return self._leaf(value, begin)
        middle = (begin + end) // 2
        lower, upper = self._tree(value, begin, middle), self._tree(value, middle + 1, end)
        return ibis.ifelse(value <= literal(float(self.pivots[middle])), lower, upper)

    def _leaf(self, value: Any, segment: int) -> Any:
        import ibis

        first = ibis.literal(segment * CELLS, "int64")
        if not 0 < segment < len(self.pivots) or not self.scales[segment - 1]:
            return first
        pivot, scale = (literal(float(of[segment - 1])) for of in (self.pivots, self.scales))
        within = ((value - pivot) * scale).floor().cast("int64")
        return first + ibis.least(within, CELLS - 1)


def _end(starts: Array, *, low: bool) -> Array:
    if starts.dtype.kind == "f":
        return np.array([-np.inf if low else np.inf])
    limits = np.iinfo(np.int64)
    return np.array([limits.min if low else limits.max])


def _before(starts: Array) -> Array:
    """The number before each start."""
    if starts.dtype.kind == "f":
        return np.asarray(np.nextafter(starts, -np.inf) + 0.0)
    return starts - 1


def _width_bucket() -> Any:
    import ibis

    @ibis.udf.scalar.builtin(signature=(("float64", "array<float64>"), "int64"))
    def width_bucket(one, many): ...  # type: ignore[no-untyped-def]

    return width_bucket


def _array(numbers: Array, dialect: str) -> Any:
    """The numbers as one text that the database reads once: as constants each would be an expression of its own."""
    import ibis

    @ibis.udf.scalar.builtin(signature=(("string",), "json"))
    def json_parse(text): ...  # type: ignore[no-untyped-def]

    text = ",".join(map(repr, numbers.tolist()))
    array = ibis.literal(f"{{{text}}}") if dialect == "postgres" else json_parse(f"[{text}]")
    return array.cast("array<float64>")


def _literal(one: Any) -> Any:
    import ibis

    return literal(one.item()) if one.dtype.kind == "f" else ibis.literal(one.item(), str(one.dtype))
