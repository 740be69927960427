"""Reading a time column, however it is written, as moments in UTC."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mlmon_dagster.errors import DataError, InputError

if TYPE_CHECKING:
    import pyarrow

ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)? ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?"
)
"""ISO 8601 days and times, extended (2014-05-02T10:00:00) or basic (20140502T100000), with or without an offset."""

EPOCH = re.compile(r"\d{9,10}|\d{12,13}")
"""Seconds or milliseconds since 1970, as text."""


@dataclass(frozen=True)
class Moments:
    """One moment (Arrow `timestamp[us, UTC]`) for each value, or null and the reason why it has none."""

    values: "pyarrow.Array"
    reasons: "pyarrow.Array"


def parse_moments(column: "pyarrow.ChunkedArray", zone: str = "UTC") -> Moments:
    """The moments of a column of timestamps, dates, ISO text, `YYYYMMDD`, or seconds or milliseconds since 1970.

    Times without an offset are local times of `zone`. A local time that a clock change skips is no moment; one that
    a clock change repeats is its first occurrence. Raises `InputError` for an unknown zone and `DataError` for a column
    that cannot hold times.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    _require_zone(zone)
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_null(kind):
        column, kind = column.cast(pa.string()), pa.string()
    if pa.types.is_timestamp(kind):
        micros = pc.cast(column, pa.timestamp("us", kind.tz), safe=False)
        return _without_null(micros) if kind.tz else _local(micros, zone)
    if pa.types.is_date(kind):
        return _days(pc.cast(column, pa.timestamp("us")), zone)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _each(column, zone, _number)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _each(column, zone, _text)
    raise DataError(f"a column of {kind} cannot be read as times", hint="timestamps, dates, ISO text and epochs can")


def _require_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"there is no time zone {zone!r}", hint="write it like Europe/Berlin, or UTC") from None


def _each(column: "pyarrow.Array", zone: str, read: Any) -> Moments:
    """Reads every distinct value once: times of a file repeat often."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(column)
    read_values = [read(value) for value in encoded.dictionary.to_pylist()]
    aware = pa.array(
        [m if isinstance(m, datetime) and m.tzinfo else None for m in read_values], pa.timestamp("us", "UTC")
    )
    naive = pa.array([m if isinstance(m, datetime) and not m.tzinfo else None for m in read_values], pa.timestamp("us"))
    local = _local(naive, zone)
    values = pc.coalesce(aware, local.values)
    problems = pa.array([m if isinstance(m, str) else None for m in read_values], pa.string())
    skipped = pc.if_else(pc.is_valid(naive), local.reasons, pa.scalar(None, pa.string()))
    reasons = pc.coalesce(problems, skipped)
    missing = pc.if_else(pc.is_null(column), pa.scalar("no time"), pa.scalar(None, pa.string()))
    return Moments(values.take(encoded.indices), pc.coalesce(missing, reasons.take(encoded.indices)))


def _text(value: str) -> datetime | str:
    text = value.strip()
    if not text:
        return "no time"
    if EPOCH.fullmatch(text):
        return _number(int(text))
    found = ISO.fullmatch(text)
    if found is None:
        return f"unreadable time {value[:40]!r}"
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
        moment = moment.replace(microsecond=int((fraction or "0").ljust(6, "0")[:6]))
        return moment if offset is None else (moment.replace(tzinfo=_offset(offset))).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return f"impossible time {value[:40]!r}"


def _offset(text: str) -> timezone:
    if text in ("Z", "z", "UTC"):
        return timezone.utc
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if minutes > 59:
        raise ValueError(text)
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _number(value: float | None) -> datetime | str:
    """Days as 20140502, seconds, milliseconds: their ranges do not meet between 1973 and 5138."""
    if value is None or value != value:
        return "no time"
    if 19_000_101 <= value <= 22_001_231:
        return _text(str(int(value))) if value == int(value) else f"unreadable time {value!r}"
    seconds = value if abs(value) < 1e11 else value / 1000
    if not 0 <= seconds < 1e11:
        return f"unreadable time {value!r}"
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=round(seconds * 1_000_000))


def _local(naive: "pyarrow.Array", zone: str) -> Moments:
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")
    there_and_back = pc.local_timestamp(moments)
    exists = pc.equal(there_and_back, naive)
    values = pc.cast(pc.if_else(exists, moments, pa.scalar(None, moments.type)), pa.timestamp("us", "UTC"))
    reason = pa.scalar(f"local time that {zone} skips")
    reasons = pc.if_else(
        pc.is_null(naive), pa.scalar("no time"), pc.if_else(exists, pa.scalar(None, pa.string()), reason)
    )
    return Moments(values, reasons)


def _days(midnights: "pyarrow.Array", zone: str) -> Moments:
    """A day begins at its first moment, also where a clock change skips midnight."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return _without_null(
        pc.cast(
            pc.assume_timezone(midnights, zone, ambiguous="earliest", nonexistent="latest"), pa.timestamp("us", "UTC")
        )
    )


def _without_null(moments: "pyarrow.Array") -> Moments:
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = pc.cast(moments, pa.timestamp("us", "UTC"))
    return Moments(moments, pc.if_else(pc.is_null(moments), pa.scalar("no time"), pa.scalar(None, pa.string())))
