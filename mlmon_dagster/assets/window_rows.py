"""The rows of one window, cut out of what a source gave: times in UTC, keys unique, the rest set aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlmon_dagster.assets.moments import parse_moments
from mlmon_dagster.errors import DataError
from mlmon_dagster.lifecycle.outputs import REASON, digest_of, encode
from mlmon_dagster.pipeline.source import Rows
from mlmon_dagster.pipeline.windows import Window
from mlmon_dagster.plugins import unknown

if TYPE_CHECKING:
    import pyarrow

EARLY = timedelta(minutes=5)
"""How far ahead of us a source's clock may be before its rows are set aside."""


@dataclass(frozen=True)
class WindowRows:
    """What lies in one window."""

    rows: "pyarrow.Table"
    quarantine: "pyarrow.Table"
    """Rows as they came, with their `reason`; rows without a readable time are in every window's quarantine."""
    order: tuple[str, ...]
    """Columns that put the rows in one order, whatever order they came in."""
    digest: str
    """SHA-256 over the rows of both, as they came."""


def cut(table: "pyarrow.Table", declared: Rows, window: Window, now: datetime) -> WindowRows:
    """The table's rows with `start <= time < end`.

    Set aside are rows without a readable time, from the future, without a key, and all but the first of one key.
    Raises `DataError` with the columns that there are when a declared one is not.
    """
    import pyarrow.compute as pc

    assert declared.time is not None  # noqa: S101 - refused when the pipeline was parsed
    _require_columns(table, (declared.time, *declared.key))
    moments = parse_moments(table.column(declared.time), declared.timezone)
    inside = pc.and_(pc.greater_equal(moments.values, window.start), pc.less(moments.values, window.end))
    wanted = pc.or_kleene(inside, pc.is_valid(moments.reasons))
    came, reasons, times = table.filter(wanted), moments.reasons.filter(wanted), moments.values.filter(wanted)
    read = came.set_column(table.column_names.index(declared.time), declared.time, times)
    reasons = pc.coalesce(reasons, _from_the_future(times, now), *_without_key(read, declared.key))
    reasons = pc.coalesce(reasons, _repeated(read, declared.key, pc.is_null(reasons)))
    order = _order(read, declared.time, declared.key)
    return WindowRows(
        rows=read.filter(pc.is_null(reasons)),
        quarantine=with_reasons(came, reasons),
        order=order,
        digest=digest_of(encode(came, order)),
    )


def with_reasons(table: "pyarrow.Table", reasons: "pyarrow.Array") -> "pyarrow.Table":
    """The rows that have a reason, with it as the last column (a column of that name gives way)."""
    import pyarrow.compute as pc

    names = [f"{REASON}_of_source" if name == REASON else name for name in table.column_names]
    return table.rename_columns(names).append_column(REASON, reasons).filter(pc.is_valid(reasons))


def _require_columns(table: "pyarrow.Table", names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        sentences = (unknown("column", name, tuple(table.column_names)) for name in missing)
        raise DataError(f"[SCHEMA] in the source {'; '.join(sentences)}", hint="correct `time` and `key`, or the data")


def _from_the_future(times: "pyarrow.Array", now: datetime) -> "pyarrow.Array":
    import pyarrow.compute as pc

    return _where(pc.greater(times, now + EARLY), "a time in the future")


def _without_key(table: "pyarrow.Table", key: Sequence[str]) -> "list[pyarrow.Array]":
    import pyarrow.compute as pc

    return [_where(pc.is_null(table.column(name).combine_chunks()), f"no key ({name} is empty)") for name in key]


def _repeated(table: "pyarrow.Table", key: Sequence[str], considered: "pyarrow.Array") -> "pyarrow.Array":
    """Every considered row whose key an earlier considered row has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not key:
        return pa.nulls(table.num_rows, pa.string())
    places = pa.array(range(table.num_rows), pa.int64())
    keyed = table.select(list(dict.fromkeys(key))).append_column("_place", places).filter(considered)
    first = keyed.group_by(list(dict.fromkeys(key))).aggregate([("_place", "min")]).column("_place_min")
    is_first = pc.is_in(places, value_set=first.combine_chunks())
    return _where(pc.and_(considered, pc.invert(is_first)), "duplicate key")


def _where(found: "pyarrow.Array", reason: str) -> "pyarrow.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(found, pa.scalar(reason), pa.scalar(None, pa.string()))


def _order(table: "pyarrow.Table", time: str, key: Sequence[str]) -> tuple[str, ...]:
    """By time and key; without a key by every column that can be compared."""
    import pyarrow as pa

    plain = [column.name for column in table.schema if not pa.types.is_nested(column.type)]
    return tuple(dict.fromkeys((time, *(key or plain))))
