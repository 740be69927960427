"""The summary of a reference that later windows are compared with: counts and sums in bins, and no rows."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from mlmon_dagster import plugins
from mlmon_dagster.drift.archive import Kept, read_archive, write_archive
from mlmon_dagster.drift.bins import added_squares, binned, merged, wider_dtype
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.covariance import Covariance
from mlmon_dagster.drift.frames import columns_of, each_column
from mlmon_dagster.drift.grid import FEW
from mlmon_dagster.drift.method import Measure, named
from mlmon_dagster.drift.notebook import Comparison, profile_table
from mlmon_dagster.drift.parts import Parts
from mlmon_dagster.drift.scores import Scores
from mlmon_dagster.errors import DataError

UNSORTED = ("ks", "auto", "missing")
"""Methods that need no numbers in order."""

EXACT = FEW
"""A column with no more distinct values keeps them all: bins would take as much room."""


@dataclass(frozen=True)
class Profile:
    """Named columns of a reference, each of them exact or in bins.

    >>> profile = Profile.of({"price": Column.of("price", [1.0, 2.0, 2.0])})
    >>> Profile.from_bytes(profile.to_bytes()).columns["price"].mean == profile.columns["price"].mean
    True
    """

    columns: Mapping[str, Column]
    rows: int
    parts: Parts = field(default_factory=Parts)
    """What it keeps beside columns, where that was asked for."""

    @classmethod
    def of(
        cls, data: Any, *, exact: bool = False, covariance: bool = False, scores: Mapping[str, str] | None = None
    ) -> "Profile":
        """The profile of a table (pandas, polars, Arrow) or of named columns or arrays; an empty one is an error.

        Columns with more than 10,000 distinct values are kept in bins (or by their most frequent categories), unless
        `exact` asks for every value. With `covariance` it also keeps how the columns of numbers go together, and with
        `scores` (column of scores -> column of labels) how well scores go with their labels.

        >>> profile = Profile.of({"price": [1.0, 2.0, 4.0], "city": ["Ulm", "Bonn", "Ulm"]})
        >>> profile.rows, profile.exact, list(profile.columns)
        (3, True, ['price', 'city'])
        >>> profile
        <Profile of 3 rows; price: numeric, city: categorical>
        """
        columns = columns_of(data)
        rows = {column.rows for column in columns.values()}
        if len(rows) > 1:
            raise DataError(f"the reference's columns have different lengths: {sorted(rows)}")
        if not rows or not max(rows):
            raise DataError(
                "the reference is empty", hint="nothing can be compared with it: choose a period that has rows"
            )
        kept = {name: one if exact else compact(one) for name, one in columns.items()}
        parts = Parts.like(kept, covariance=covariance, scores=scores or {})
        return cls(kept, rows.pop(), parts.counted(data))

    def __repr__(self) -> str:
        kinds = ", ".join(f"{name}: {one.kind}" for name, one in self.columns.items())
        return f"<Profile of {self.rows:,} rows; {kinds}>"

    def _repr_html_(self) -> str:
        """As notebooks show it."""
        return profile_table(self.columns, self.rows)

    def compare(self, window: Any, methods: Sequence[str] | None = None) -> Comparison:
        """How far a window has drifted: for each of the profile's columns, each method's measure.

        A dictionary of dictionaries, which notebooks show as a table.

        `window` is a table or named columns like the reference; `methods` are names, by default all that measure the
        column's kind. A column of which either side has no present value has only `missing`. `DataError` for a column
        that the window lacks, or that is of another kind there, `MissingError` for a method that there is not.

        >>> profile = Profile.of({"price": [1.0, 2.0, 3.0, 4.0], "city": ["Ulm", "Bonn", "Ulm", "Bonn"]})
        >>> drift = profile.compare({"price": [3.0, 4.0, 5.0, 6.0], "city": ["Ulm", "Ulm", "Ulm", "Köln"]})
        >>> drift["price"]["ks"].value, drift["price"]["ks"].certainty, drift["city"]["new_categories"].value
        (0.5, 'exact', 0.25)
        """
        chosen = {name: _method(name) for name in methods or _methods()}
        in_order = any("numeric" in type(one).kinds and name not in UNSORTED for name, one in chosen.items())
        columns = each_column(window, list(self.columns), in_order=in_order)
        return Comparison({name: _compared(self.columns[name], one, chosen) for name, one in columns})

    @property
    def exact(self) -> bool:
        """Whether every column keeps all its values."""
        return all(column.exact and not column.other for column in self.columns.values())

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def counted(self, data: Any) -> "Profile":
        """These rows on this profile's grids and categories: what can be added to others made like it.

        `DataError` for a column that is not there or has another kind.
        """
        columns = columns_of(data, in_order=False)
        kept = {name: like(one, columns.get(name)) for name, one in self.columns.items()}
        return Profile(kept, _rows(columns), self.parts.counted(data))

    @property
    def covariance(self) -> Covariance | None:
        """How its columns of numbers go together, or None where that is not kept."""
        return self.parts.covariance

    @property
    def scores(self) -> Mapping[str, Scores]:
        """Scores beside their labels, by the column of scores; empty where none are kept."""
        return self.parts.scores

    def merge(self, other: "Profile") -> "Profile":
        """Both together: whole numbers are added, so the order of many merges changes no byte.

        Columns must both be exact, or be counted on one grid (`counted`); `DataError` otherwise.

        >>> one, two = (Profile.of({"x": Column.of("x", values)}) for values in ([1, 2], [2, 3]))
        >>> one.merge(two).digest == two.merge(one).digest == Profile.of({"x": Column.of("x", [1, 2, 2, 3])}).digest
        True
        """
        if list(self.columns) != list(other.columns):
            raise DataError(
                f"profiles of different columns cannot be merged: {', '.join(self.columns)} and "
                f"{', '.join(other.columns)}"
            )
        together = {name: add(one, other.columns[name]) for name, one in self.columns.items()}
        return Profile(together, self.rows + other.rows, self.parts.merge(other.parts))

    def to_bytes(self) -> bytes:
        """The profile as a file: an archive of plain numpy arrays, the same bytes for the same profile."""
        return write_archive(Kept(self.columns, self.rows, self.parts))

    @classmethod
    def from_bytes(cls, content: bytes) -> "Profile":
        """The profile in such a file; `DataError` for one that is cut, changed or of another version."""
        kept = read_archive(content)
        return cls(kept.columns, kept.rows, kept.parts)


def merge_all(profiles: Iterable[Profile]) -> Profile:
    """All of them together, in any order."""
    first, *others = profiles
    for other in others:
        first = first.merge(other)
    return first


def compact(column: Column) -> Column:
    """The column as a profile keeps it: exact with few distinct values, else in bins or by its frequent categories."""
    if not column.exact:
        return column
    if column.ordered:
        return _distinct(column) if len(column.values) <= EXACT else binned(column, column.grid)
    names = named(column)
    return column if len(names) == len(column.ascending) else _by_name(column, names)


def like(reference: Column, column: Column | None) -> Column:
    """The column counted as a reference's column is kept: on its grid, or by its categories.

    Always so, even where all values are known and few: pieces then add up to the same bytes, whatever their size.
    """
    if column is None:
        raise DataError(f"there is no column {reference.name!r}, which the reference has")
    if column.kind != reference.kind and column.present:
        raise DataError(f"{column.name} is {column.kind} and the reference's is {reference.kind}")
    column = column if column.kind == reference.kind else column.but(kind=reference.kind)
    return binned(column, reference.grid) if reference.ordered else _by_name(column, reference.ascending)


def add(one: Column, two: Column) -> Column:
    """Both columns together."""
    if one.kind != two.kind and one.present and two.present:
        raise DataError(f"{one.name} is {one.kind} on one side and {two.kind} on the other: they cannot be merged")
    if one.bins is not None or two.bins is not None:
        first, second = (one, two) if one.bins is not None else (two, one)
        return merged(first, second)
    if (one.other or two.other) and list(one.ascending) != list(two.ascending):
        raise DataError(
            f"column {one.name!r} keeps only its most frequent categories, and they differ: it cannot be merged",
            hint="profile both like one reference: mlmon profile build --like REFERENCE",
        )
    one, two = _distinct(one), _distinct(two)
    values = np.union1d(one.ascending, two.ascending)
    counts = np.zeros(len(values), dtype=np.int64)
    for side in (one, two):
        counts[np.searchsorted(values, side.ascending)] += side.counts
    first = one if one.present else two
    return first.but(
        ascending=values,
        weights=counts,
        missing=one.missing + two.missing,
        infinite=one.infinite + two.infinite,
        minus_infinite=one.minus_infinite + two.minus_infinite,
        other=one.other + two.other,
        squares=added_squares(one, two),
        dtype=wider_dtype(one, two),
    )


@cache
def _method(name: str) -> Any:
    """The method as it is without parameters; `MissingError` for one that there is not."""
    plugins.load("method", name)
    return plugins.parse("method", name)


def _methods() -> tuple[str, ...]:
    return tuple(name for name in plugins.names("method") if name not in ("auto", "broad"))


def _compared(reference: Column, window: Column, methods: Mapping[str, Any]) -> dict[str, Measure]:
    if reference.kind != window.kind and window.present:
        raise DataError(f"{reference.name} is {window.kind} in the window and {reference.kind} in the reference")
    if not window.rows:
        return {}
    there = reference.present and window.present
    return {
        name: method.measure(reference, window)
        for name, method in methods.items()
        if reference.kind in type(method).kinds and (there or name == "missing")
    }


def _distinct(column: Column) -> Column:
    """The same column by its distinct values, so that equal columns have equal bytes."""
    if column.weights is not None or len(column.values) == len(column.ascending):
        return column
    return column.but(ascending=column.values, weights=column.counts)


def _by_name(column: Column, names: "np.ndarray[tuple[int, ...], np.dtype[np.object_]]") -> Column:
    own = dict(zip(column.ascending.tolist(), column.counts.tolist(), strict=True))
    counts = np.array([own.get(name, 0) for name in names.tolist()], dtype=np.int64)
    return column.but(ascending=names, weights=counts, other=column.present - int(counts.sum()))


def _rows(columns: Mapping[str, Column]) -> int:
    return max((column.rows for column in columns.values()), default=0)
