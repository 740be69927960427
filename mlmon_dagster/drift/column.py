"""One column of a data set as drift methods see it: present values apart from missing and infinite ones."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from mlmon_dagster.errors import DataError

Kind = Literal["numeric", "categorical", "boolean", "datetime"]
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Column:
    """A column's present values, as distinct values in ascending order with their counts.

    `values` holds distinct numbers (float64, or int64 where the column is integral: exact beyond 2**53), 0 and 1 for
    booleans, nanoseconds since 1970 (int64) for moments, and text for categories. `counts` (int64) has the same shape.
    """

    name: str
    kind: Kind
    values: Array = field(repr=False)
    counts: Array = field(repr=False)
    missing: int = 0
    """Rows that are null or NaN."""
    infinite: int = 0
    """Rows that are plus or minus infinity; they are counted, never measured."""

    @property
    def present(self) -> int:
        """Rows with a value that can be measured."""
        return int(self.counts.sum())

    @property
    def rows(self) -> int:
        """All rows."""
        return self.present + self.missing + self.infinite

    @property
    def ordered(self) -> bool:
        """Whether values have an order and a distance."""
        return self.kind in ("numeric", "datetime")

    @property
    def mean(self) -> float:
        """Mean of the present values; NaN without any."""
        return float(self.values[0]) + self._mean_offset if self.present else float("nan")

    @property
    def std(self) -> float:
        """Population standard deviation of the present values; NaN without any."""
        if not self.present:
            return float("nan")
        return float(np.sqrt(np.dot((self._offsets - self._mean_offset) ** 2, self.counts) / self.present))

    @property
    def _offsets(self) -> Array:
        """Distances from the smallest value as float64: exact for whole numbers that float64 cannot hold."""
        return np.asarray((self.values - self.values[0]).astype(np.float64))

    @property
    def _mean_offset(self) -> float:
        return float(np.dot(self._offsets, self.counts) / self.present)

    @classmethod
    def of(cls, name: str, array: object, kind: Kind | None = None) -> "Column":
        """The column in a one-dimensional array of numbers, booleans, moments or text; None, NaN and NaT are missing.

        >>> Column.of("rooms", [3, 2, 3, None]).missing
        1
        >>> Column.of("city", ["Ulm", "Bonn", None]).kind
        'categorical'
        """
        data = _masked(name, array)
        kind = kind or _kind(name, data)
        missing = _missing(data)
        present = data[~missing]
        infinite = np.zeros(len(present), dtype=bool)
        if kind == "numeric":
            present = _numbers(name, present)
            infinite = np.isinf(present) if present.dtype.kind == "f" else infinite
            present = present[~infinite]
        elif kind == "datetime":
            present = present.astype("datetime64[ns]").astype(np.int64)
        elif kind == "boolean":
            present = present.astype(bool).astype(np.int64)
        else:
            present = np.array([str(value) for value in present], dtype=np.str_)
        values, counts = np.unique(present, return_counts=True)
        return cls(name, kind, values, counts.astype(np.int64), int(missing.sum()), int(infinite.sum()))


def _masked(name: str, array: object) -> Array:
    if isinstance(array, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(array)
        array = np.array([None if no else value for value, no in zip(array.data, hidden, strict=True)], dtype=object)
    data = np.asarray(array)
    if data.ndim != 1:
        raise DataError(f"column {name!r} has {data.ndim} dimensions, expected one value a row")
    return _narrowed(data) if data.dtype.kind == "O" else data


def _narrowed(data: Array) -> Array:
    """An object array of one kind of value, as an array of that kind with NaN or NaT where it was empty."""
    present = [value for value in data.tolist() if value is not None and value == value]
    if present and all(isinstance(value, bool | np.bool_) for value in present):
        return data
    if present and all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in present):
        return data if len(present) < len(data) else data.astype(np.int64)
    if present and all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in present):
        return np.array([np.nan if value is None else value for value in data.tolist()], dtype=np.float64)
    return data if present else np.full(len(data), np.nan)


def _kind(name: str, data: Array) -> Kind:
    if data.dtype.kind in "iuf":
        return "numeric"
    if data.dtype.kind == "b":
        return "boolean"
    if data.dtype.kind == "M":
        return "datetime"
    if data.dtype.kind in "US":
        return "categorical"
    if data.dtype.kind == "O":
        first = next((value for value in data.tolist() if value is not None and value == value), None)
        if isinstance(first, bool | np.bool_):
            return "boolean"
        if isinstance(first, int | np.integer):
            return "numeric"
        if first is None or isinstance(first, str | bytes):
            return "categorical"
        raise DataError(f"column {name!r} holds {type(first).__name__}, expected numbers, booleans, moments or text")
    raise DataError(f"column {name!r} has the type {data.dtype}, expected numbers, booleans, moments or text")


def _missing(data: Array) -> Array:
    if data.dtype.kind == "f":
        return np.isnan(data)
    if data.dtype.kind == "M":
        return np.isnat(data)
    if data.dtype.kind == "O":
        return np.array([value is None or value != value for value in data.tolist()], dtype=bool)
    return np.zeros(len(data), dtype=bool)


def _numbers(name: str, present: Array) -> Array:
    try:
        if present.dtype.kind == "O":
            return np.array([int(value) for value in present], dtype=np.int64)
        return present if present.dtype.kind in "iu" else present.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"column {name!r} is declared numeric but holds a value that is no number: {error}") from error
