"""Whatever holds one column, as a native numpy array with its kind and its missing rows, without a loop over rows."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import cache
from itertools import repeat
from operator import is_
from typing import Any, Literal, get_args

import numpy as np

from mlmon_dagster.drift.search import Array
from mlmon_dagster.errors import DataError

Kind = Literal["numeric", "categorical", "boolean", "datetime"]
EXPECTED = "expected numbers, booleans, moments or text"


@dataclass(frozen=True)
class Native:
    """A column's rows: `data` of the kind's type, `missing` where a row has no value (None: NaN and NaT tell).

    Numbers are float64, float32, int64 or uint64, moments int64 (nanoseconds since 1970), booleans bool, categories
    objects.
    """

    kind: Kind
    data: Array
    missing: Array | None
    dtype: str


def native(name: str, array: object, kind: Kind | None) -> Native:
    """The rows of a one-dimensional array, masked array or list; `kind` is what the type alone does not tell."""
    if kind is not None and kind not in get_args(Kind):
        raise DataError(f"column {name!r} has the kind {kind!r}, expected one of {', '.join(get_args(Kind))}")
    mask: Array | None = None
    if isinstance(array, np.ma.MaskedArray):
        mask, array = np.asarray(np.ma.getmaskarray(array)), array.data
    data = np.asarray(array)
    if data.ndim != 1:
        raise DataError(f"column {name!r} has {data.ndim} dimensions, expected one value a row")
    if data.dtype.kind == "O":
        data, found = _objects(name, data)
        mask = found if mask is None else mask | found
    elif data.dtype.kind in "UT":
        data, mask = data.astype(object), mask
    elif data.dtype.kind == "S":
        data = np.char.decode(data, "utf-8", "replace").astype(object)
    return _as_kind(name, data, mask, kind or _kind(name, data))


def _as_kind(name: str, data: Array, mask: Array | None, kind: Kind) -> Native:
    dtype = {"O": "text", "M": "moment"}.get(data.dtype.kind, _type_name(data.dtype))
    if data.dtype.kind == "M" and kind != "numeric":
        nat = np.isnat(data)
        mask = nat if mask is None else mask | nat
    try:
        if kind == "numeric":
            return Native(kind, _numbers(data), mask, dtype)
        if kind == "datetime":
            return Native(kind, data.astype("datetime64[ns]").astype(np.int64), mask, "datetime64[ns]")
        if data.dtype.kind == "f":
            nan = np.isnan(data)
            mask, data = (nan if mask is None else mask | nan), np.where(nan, 0, data)
        return Native(kind, data.astype(bool) if kind == "boolean" else data, mask, dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"column {name!r} is declared {kind} but holds a value that is not: {error}") from error


@cache
def _type_name(dtype: "np.dtype[Any]") -> str:
    """numpy makes the text anew each time, which takes as long as a search."""
    return str(dtype)


def _numbers(data: Array) -> Array:
    if data.dtype.kind == "O":
        return np.array([np.nan if value is None else float(value) for value in data.tolist()], dtype=np.float64)
    if data.dtype.kind == "f":
        return data if data.dtype in (np.float64, np.float32) else data.astype(_wider(data))
    if data.dtype.kind == "u" and data.dtype.itemsize == 8 and len(data) and int(data.max()) > np.iinfo(np.int64).max:
        return data
    return data.astype(np.int64, copy=False)


def _wider(data: Array) -> type:
    return np.float32 if data.dtype.itemsize < 4 else np.float64


def _kind(name: str, data: Array) -> Kind:
    kinds: dict[str, Kind] = {
        "i": "numeric", "u": "numeric", "f": "numeric", "b": "boolean", "M": "datetime", "O": "categorical",
    }  # fmt: skip
    if data.dtype.kind not in kinds:
        raise DataError(f"column {name!r} has the type {data.dtype}, {EXPECTED}")
    return kinds[data.dtype.kind]


def _objects(name: str, data: Array) -> tuple[Array, Array]:
    """Python objects as an array of what they all are, and where a row is missing; text stays objects."""
    values = data.tolist()
    types = Counter(map(type, values))
    missing = _missing(values, types)
    found = {kind for kind in types if kind is not type(None)} - _empty(values, types)
    if not found:
        return np.full(len(values), np.nan), missing
    if all(issubclass(one, bool | np.bool_) for one in found):
        return _filled(values, missing, False, np.bool_), missing
    if all(issubclass(one, int | np.integer) and not issubclass(one, bool) for one in found):
        return _whole(name, values, missing), missing
    if all(issubclass(one, int | float | np.number | Decimal) and not issubclass(one, bool) for one in found):
        return _filled(values, missing, np.nan, np.float64), missing
    if all(issubclass(one, date | np.datetime64) for one in found):
        return np.array([None if no else _utc(one) for one, no in zip(values, missing, strict=True)], "M8[ns]"), missing
    if all(issubclass(one, str | bytes) for one in found):
        return data, missing
    strange = next((one.__name__ for one in found if not issubclass(one, str | bytes | int | float | np.generic)), None)
    if strange:
        raise DataError(f"column {name!r} holds {strange}, {EXPECTED}")
    return data, missing


def _missing(values: list[Any], types: "Counter[type]") -> Array:
    """Where a row is None, NaN, NaT or pandas' NA."""
    none = np.fromiter(map(is_, values, repeat(None)), dtype=bool, count=len(values))
    if any(issubclass(one, float | np.floating) or one.__name__ in ("NAType", "NaTType") for one in types):
        none |= np.fromiter(map(is_missing, values), dtype=bool, count=len(values))
    return none


def is_missing(value: Any) -> bool:
    """Whether a Python object stands for no value: None, NaN, NaT or pandas' NA."""
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float | np.floating) and value != value)
    )


def _empty(values: list[Any], types: "Counter[type]") -> set[type]:
    """Types of which every row is missing, such as the float of a NaN among texts."""
    empty = {one for one in types if one.__name__ in ("NAType", "NaTType")}
    floats = {one for one in types if issubclass(one, float | np.floating)}
    if floats and not any(isinstance(value, float | np.floating) and value == value for value in values):
        empty |= floats
    return empty


def _filled(values: list[Any], missing: Array, filler: object, dtype: type) -> Array:
    if missing.any():
        values = [filler if no else value for value, no in zip(values, missing.tolist(), strict=True)]
    return np.array(values, dtype=dtype)


def _whole(name: str, values: list[Any], missing: Array) -> Array:
    for dtype in (np.int64, np.uint64):
        try:
            return _filled(values, missing, 0, dtype)
        except OverflowError:
            continue
    raise DataError(f"column {name!r} holds a whole number beyond 64 bits", hint="declare the column as text")


def _utc(moment: Any) -> Any:
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return moment.astimezone(timezone.utc).replace(tzinfo=None)
    return moment
