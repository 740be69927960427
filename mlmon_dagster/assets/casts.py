"""Strict casts of a column to its declared type: what does not fit stays out with a reason and is never bent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlmon_dagster.assets.moments import parse_moments

if TYPE_CHECKING:
    import pyarrow

EXACT = 2**53
"""Whole numbers beyond this are not exact as floats."""

FLOAT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
INTEGER = r"^[+-]?\d{1,18}$"
BOOLEAN = r"^(?i:true|false)$"


@dataclass(frozen=True)
class Cast:
    """One value of the declared type for each that came, or null, and then perhaps the reason why it does not fit."""

    values: "pyarrow.Array"
    reasons: "pyarrow.Array"


def cast(column: "pyarrow.ChunkedArray", kind: str) -> Cast:
    """The column as `kind`, one of the types of a `ColumnRule`.

    Empty text and NaN are missing values, not wrong ones. Text is a number only where it is one throughout
    (`1,234.5` is not); a float is an integer only where it is whole; infinities fit nothing.
    """
    import pyarrow as pa

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return Cast(pa.nulls(len(array), _arrow_type(kind)), pa.nulls(len(array), pa.string()))
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _from_text(array, kind)
    if pa.types.is_boolean(array.type):
        return _where(array, kind, array.is_valid() if kind == "boolean" else None)
    if pa.types.is_integer(array.type):
        return _from_integers(array, kind)
    if pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        return _from_floats(array, kind)
    if kind == "timestamp" and (pa.types.is_temporal(array.type)):
        return _from_times(array)
    return _where(array, kind, None)


def _arrow_type(kind: str) -> "pyarrow.DataType":
    import pyarrow as pa

    timestamp = pa.timestamp("us", "UTC")
    types = {"float": pa.float64(), "integer": pa.int64(), "string": pa.string(), "boolean": pa.bool_()}
    return types.get(kind, timestamp)


def _from_text(array: "pyarrow.Array", kind: str) -> Cast:
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "timestamp":
        return _from_times(array)
    array = pc.cast(array, pa.string())
    if kind == "string":
        return _where(array, kind, array.is_valid())
    trimmed = pc.utf8_trim_whitespace(array)
    trimmed = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    pattern = {"float": FLOAT, "integer": INTEGER, "boolean": BOOLEAN}[kind]
    fits = pc.match_substring_regex(trimmed, pattern)
    trimmed = pc.replace_substring_regex(trimmed, r"^\+", "")
    if kind == "float":  # text can say a number that no float holds
        fits = pc.and_(fits, pc.is_finite(pc.cast(pc.if_else(fits, trimmed, "0"), pa.float64())))
    return _where(trimmed, kind, fits)


def _from_integers(array: "pyarrow.Array", kind: str) -> Cast:
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "timestamp":
        return _from_times(array)
    if kind == "boolean":
        return _where(array, kind, pc.is_in(array, value_set=pa.array([0, 1], array.type)))
    if kind == "float":
        size = pc.abs_checked(pc.cast(array, pa.decimal128(20)))
        return _where(array, kind, pc.less_equal(size, pa.scalar(EXACT, pa.decimal128(20))))
    if kind == "integer" and pa.types.is_uint64(array.type):
        return _where(array, kind, pc.less(array, pa.scalar(2**63, pa.uint64())))
    return _where(array, kind, array.is_valid())


def _from_floats(array: "pyarrow.Array", kind: str) -> Cast:
    import pyarrow as pa
    import pyarrow.compute as pc

    floats = pc.cast(array, pa.float64(), safe=False)
    floats = pc.if_else(pc.is_nan(floats), pa.scalar(None, pa.float64()), floats)
    if kind == "float":
        return _where(floats, kind, pc.is_finite(floats))
    if kind == "integer":
        whole = pc.and_(pc.equal(floats, pc.round(floats)), pc.less_equal(pc.abs(floats), float(EXACT)))
        return _where(floats, kind, whole)
    return _from_times(array) if kind == "timestamp" else _where(floats, kind, None)


def _from_times(array: "pyarrow.Array") -> Cast:
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = parse_moments(array)
    missing = pc.equal(moments.reasons, "no time")
    reasons = pc.if_else(pc.fill_null(missing, True), pa.scalar(None, pa.string()), moments.reasons)
    return Cast(moments.values, reasons)


def _where(array: "pyarrow.Array", kind: str, fits: Any) -> Cast:
    """Casts what fits (`None`: nothing does); a value that came and does not is named in its reason."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fits = pa.repeat(False, len(array)) if fits is None else pc.fill_null(fits, False)
    values = pc.cast(pc.if_else(fits, array, pa.scalar(None, array.type)), _arrow_type(kind))
    wrong = pc.and_(pc.is_valid(array), pc.invert(fits))
    if not pc.any(wrong).as_py():
        return Cast(values, pa.nulls(len(array), pa.string()))
    came = pa.array(
        [repr(value)[:40] if bad else None for value, bad in zip(array.to_pylist(), wrong.to_pylist(), strict=True)]
    )
    article = "an" if kind == "integer" else "a"
    reason = pc.binary_join_element_wise(came, pa.scalar(f" is not {article} {kind}"), "")
    return Cast(values, pc.cast(reason, pa.string()))
