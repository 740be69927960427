"""Columns of whatever holds a table: pandas, polars, Arrow and what else narwhals knows, or named arrays."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.native import Native, is_missing, native
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import unknown

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw


def columns_of(data: Any, names: Sequence[str] | None = None, *, in_order: bool = True) -> dict[str, Column]:
    """Columns by name: numbers, booleans, moments, and text as categories; `DataError` for anything else.

    `data` is a pandas, polars or Arrow table, or a mapping of names to columns, arrays or lists; `names` chooses.
    Unless `in_order`, floats are sorted when something asks for their order: until then `data` must not change.

    >>> columns_of({"rooms": [3, 2], "city": ["Ulm", None]})["city"].missing
    1
    """
    return dict(each_column(data, names, in_order=in_order))


def each_column(
    data: Any, names: Sequence[str] | None = None, *, in_order: bool = True
) -> Iterator[tuple[str, Column]]:
    """The same one after the other, so that only one column is in memory in order."""
    if isinstance(data, Mapping):
        for name in _chosen(tuple(data), names):
            yield name, _single(name, data[name], in_order)
    elif hasattr(data, "iloc") and hasattr(
        data, "columns"
    ):  # pandas: most of its columns are numpy's, which need no translation
        for name in _chosen(tuple(data.columns), names):
            yield name, _pandas(name, data[name], in_order)
    else:
        frame = _frame(data)
        for name in _chosen(tuple(frame.columns), names):
            yield name, _column(name, frame[name], in_order)


def rows_of(data: Any, names: Sequence[str]) -> dict[str, Native]:
    """Those columns with their rows in the order of the table, so that a row's values stay together.

    `DataError` for a column that is known by its values only, and for one of another length than the others.
    """
    if isinstance(data, Mapping):
        found = {name: _native(name, data[name]) for name in _chosen(tuple(data), names)}
    elif hasattr(data, "iloc"):
        found = {name: _native(name, data[name]) for name in _chosen(tuple(data.columns), names)}
    else:
        frame = _frame(data)
        found = {name: _native(name, frame[name]) for name in _chosen(tuple(frame.columns), names)}
    lengths = {len(one.data) for one in found.values()}
    if len(lengths) > 1:
        raise DataError(f"the columns have different lengths: {sorted(lengths)}")
    return found


def _native(name: str, one: Any) -> Native:
    import narwhals.stable.v2 as nw

    if isinstance(one, Column):
        raise DataError(
            f"of the column {name!r} only the values are known, not which row has which",
            hint="give a table, or arrays of one length",
        )
    if isinstance(one, np.ndarray | list | tuple):
        return native(name, one, None)
    if hasattr(one, "iloc") and isinstance(one.dtype, np.dtype) and one.dtype.kind in "fiubMO":
        return native(name, one.to_numpy(), None)
    series = nw.from_native(one, series_only=True) if not isinstance(one, nw.Series) else one
    found = _numbers(series)
    if found is not None:
        return native(name, *found)
    if series.null_count() == len(series):
        return native(name, np.full(len(series), np.nan), None)
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    return native(name, values, None)


def names_of(data: Any) -> tuple[str, ...]:
    """Names of such a table's columns, in order."""
    return tuple(data) if isinstance(data, Mapping) else tuple(_frame(data).columns)


def _single(name: str, one: Any, in_order: bool) -> Column:
    """A column by itself: ours, a series of any make, an array or a list."""
    if isinstance(one, Column):
        return one
    if hasattr(one, "iloc"):
        return _pandas(name, one, in_order)
    if hasattr(one, "combine_chunks") and (found := _arrow(name, one, in_order)) is not None:
        return found
    import narwhals.stable.v2 as nw

    series = (
        None if isinstance(one, np.ndarray | list | tuple) else nw.from_native(one, pass_through=True, series_only=True)
    )
    return _column(name, series, in_order) if isinstance(series, nw.Series) else Column.of(name, one, in_order=in_order)


def _arrow(name: str, one: Any, in_order: bool) -> Column | None:
    """Arrow's numbers without nulls and its dictionaries need no translation; None for what does."""
    import pyarrow as pa

    kind = one.type
    if pa.types.is_dictionary(kind):
        return _codes(name, one)
    plain = pa.types.is_float64(kind) or pa.types.is_float32(kind) or pa.types.is_integer(kind)
    return Column.of(name, one.to_numpy(), in_order=in_order) if plain and not one.null_count else None


def _pandas(name: str, series: Any, in_order: bool) -> Column:
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiubM":
        return Column.of(name, series.to_numpy(), in_order=in_order)
    if dtype.kind == "O" and isinstance(dtype, np.dtype):
        return _objects(name, series)
    import narwhals.stable.v2 as nw

    return _column(name, nw.from_native(series, series_only=True), in_order)


def _objects(name: str, series: Any) -> Column:
    """Python objects: text is counted; anything else, and what cannot be counted, is looked at value by value."""
    try:
        counts = series.value_counts(sort=False, dropna=False)
    except TypeError:
        return Column.of(name, series.to_numpy())
    values = counts.index.tolist()
    if values and set(map(type, values)) == {str}:
        return Column.counted(name, counts.index.to_numpy(), counts.to_numpy())
    if values and all(isinstance(one, str) or is_missing(one) for one in values):
        return _counted(name, values, counts.tolist())
    return Column.of(name, series.to_numpy())


def _frame(data: Any) -> "nw.DataFrame[Any]":
    import narwhals.stable.v2 as nw

    try:
        frame = nw.from_native(data)
    except TypeError as error:
        if hasattr(data, "__arrow_c_stream__"):
            with suppress(ValueError):  # what streams single values, as a series does, is no table
                return nw.from_arrow(data, backend="pyarrow")
        raise DataError(
            f"a {type(data).__name__} is no table; expected a pandas, polars or Arrow table, or a mapping of names to "
            "arrays"
        ) from error
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def _chosen(known: tuple[str, ...], names: Sequence[str] | None) -> Sequence[str]:
    if len(set(known)) < len(known):
        twice = sorted({str(name) for name in known if known.count(name) > 1})
        raise DataError(f"there is more than one column called {', '.join(twice)}", hint="rename one of them")
    for name in names or ():
        if name not in known:
            raise DataError(unknown("column", name, known))
    return known if names is None else names


def _column(name: str, series: "nw.Series[Any]", in_order: bool = True) -> Column:
    import narwhals.stable.v2 as nw

    dtype = series.dtype
    if dtype in (nw.Int128, nw.UInt128):
        raise DataError(f"column {name!r} holds whole numbers of 128 bits", hint="cast it to Int64, or to text")
    found = _numbers(series)
    if found is not None:
        return Column.of(name, *found, in_order=in_order)
    if dtype == nw.Categorical or dtype == nw.Enum:
        return _dictionary(name, series)
    if dtype == nw.String:
        return _texts(name, series)
    if series.null_count() == len(series):
        return Column.of(name, np.full(len(series), np.nan))
    if dtype == nw.Object:
        return Column.of(name, series.to_numpy())
    native = series.to_native()
    kind = getattr(native, "type", getattr(native, "dtype", dtype))
    raise DataError(f"column {name!r} has the type {kind}, expected numbers, booleans, moments or text")


def _numbers(series: "nw.Series[Any]") -> tuple[Any, Kind] | None:
    """The rows and the kind of numbers, booleans and moments; None for other types."""
    import narwhals.stable.v2 as nw

    dtype = series.dtype
    if dtype.is_integer():
        return _masked(series, 0), "numeric"
    if dtype.is_float():
        return series.to_numpy(), "numeric"
    if dtype.is_decimal():
        return _decimals(series.to_arrow()), "numeric"
    if dtype == nw.Boolean:
        return _masked(series, False), "boolean"
    if dtype == nw.Datetime:
        return _utc(series).to_numpy(), "datetime"
    if dtype == nw.Date or str(getattr(series.to_native(), "type", "")) == "date64[ms]":
        return series.cast(nw.Datetime("ms")).to_numpy(), "datetime"
    return None


def _masked(series: "nw.Series[Any]", filler: int | bool) -> Any:
    if not series.null_count():
        return series.to_numpy()
    return np.ma.MaskedArray(series.fill_null(filler).to_numpy(), series.is_null().to_numpy())


def _decimals(decimals: Any) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """The nearest float64 of each decimal number, NaN for null; Arrow's own cast is one off in an eighth of them."""
    import pyarrow as pa

    scale = decimals.type.scale
    words = np.frombuffer(decimals.cast(pa.decimal128(38, scale)).buffers()[1], dtype=np.int64).reshape(-1, 2)
    low, high = words[decimals.offset : decimals.offset + len(decimals)].T
    plain = (high == low >> 63) & (np.abs(low) <= 2**53) & (0 <= scale <= 22)
    found = np.asarray(low / 10.0**scale)  # of two numbers that float64 holds
    for place in np.nonzero(~plain)[0].tolist():
        value = decimals[place].as_py()
        found[place] = np.nan if value is None else float(value)
    found[decimals.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return found


def _utc(series: "nw.Series[Any]") -> "nw.Series[Any]":
    if getattr(series.dtype, "time_zone", None) is None:
        return series
    return series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _texts(name: str, series: "nw.Series[Any]") -> Column:
    counts = series.value_counts(name="rows")
    values, rows = counts[counts.columns[0]].to_list(), counts["rows"].to_list()
    return _counted(name, values, rows)


def _dictionary(name: str, series: "nw.Series[Any]") -> Column:
    """Arrow and pandas already know the codes of dictionary-encoded columns; others count."""
    native = series.to_native()
    if hasattr(native, "cat") and hasattr(native.cat, "codes"):
        codes, categories = native.cat.codes.to_numpy(), native.cat.categories.tolist()
        rows = np.bincount(codes + 1, minlength=len(categories) + 1).tolist()
        return _counted(name, [None, *categories], rows)
    return _codes(name, native) if hasattr(native, "chunks") else _texts(name, series)


def _codes(name: str, native: Any) -> Column:
    """Arrow's pieces of a dictionary-encoded column."""
    values: list[Any] = []
    rows: list[int] = []
    for chunk in native.chunks:
        known, codes = chunk.dictionary.to_pylist(), chunk.indices
        if known and not isinstance(known[0], str | bytes):
            return _decoded(name, native)
        if codes.null_count:
            codes, known = codes.fill_null(len(known)), [*known, None]
        values += known
        rows += np.bincount(codes.to_numpy(zero_copy_only=False), minlength=len(known)).tolist()
    return _counted(name, values, rows)


def _decoded(name: str, native: Any) -> Column:
    """A dictionary of numbers or moments is a column of those."""
    import narwhals.stable.v2 as nw

    return _column(name, nw.from_native(native.cast(native.type.value_type), series_only=True))


def _counted(name: str, values: Sequence[Any], rows: Sequence[int]) -> Column:
    """Texts may come more than once, for a dictionary of each piece of a column; None and NaN are missing."""
    if set(map(type, values)) == {str} and len(set(values)) == len(values):
        return Column.counted(name, values, rows)
    found: dict[str, int] = {}
    missing = 0
    for value, count in zip(values, rows, strict=True):
        if isinstance(value, str):
            found[value] = found.get(value, 0) + count
        elif is_missing(value):
            missing += count
        else:
            found[str(value)] = found.get(str(value), 0) + count
    return Column.counted(name, list(found), list(found.values()), missing=missing)
