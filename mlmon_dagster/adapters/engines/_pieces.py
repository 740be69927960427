"""Rows that arrive in pieces, counted piece by piece: what every engine with a process of its own shares."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.drift.parts import Parts
from mlmon_dagster.drift.profile import Profile, add, like

PIECE_ROWS = 250_000
"""Rows of all columns in memory at a time: large enough for a fast sort, small enough for any process."""


def shared(profile: Profile, names: Iterable[str]) -> list[str]:
    """The profile's columns that the rows have too, in the profile's order."""
    there = set(names)
    return [name for name in profile.columns if name in there]


def counted(profile: Profile, names: list[str], pieces: Iterable[Any]) -> Profile:
    """The pieces (tables of these columns) counted on the profile's grids; the same for any cut into pieces."""
    total = Profile({name: _nothing(profile.columns[name]) for name in names}, 0, profile.parts.nothing)
    for piece in pieces:
        columns = columns_of(piece, names, in_order=False)
        found = {name: _like(profile.columns[name], column) for name, column in columns.items()}
        rows = next((one.rows for one in found.values()), 0)
        counts = Profile(found, rows, profile.parts.counted(piece))
        total = added(total, counts) if total.rows else counts
    return total


def counted_parts(parts: Parts, pieces: Iterable[Any]) -> Parts:
    """What a profile keeps beside its columns, of tables that arrive one after the other."""
    total = parts.nothing
    for piece in pieces:
        total = total.merge(parts.counted(piece))
    return total


def counted_column(reference: Column, pieces: Iterable[Column]) -> Column:
    """One column's pieces, counted like the reference's column."""
    total: Column | None = None
    for piece in pieces:
        found = _like(reference, piece)
        total = found if total is None else _add(total, found)
    return _nothing(reference) if total is None else total


def added(one: Profile, two: Profile) -> Profile:
    """Counts of the same columns on the same grids, together."""
    columns = {name: _add(column, two.columns[name]) for name, column in one.columns.items()}
    return Profile(columns, one.rows + two.rows, one.parts.merge(two.parts))


def foreign(column: Column) -> Column:
    """A column of another kind than the reference's: its kind and its rows, nothing that could be measured."""
    values = np.empty(0, dtype=object if column.kind == "categorical" else np.int64)
    return Column(
        column.name, column.kind, values, np.zeros(0, dtype=np.int64), column.missing, column.infinite,
        column.minus_infinite, other=column.present, dtype=column.dtype,
    )  # fmt: skip


def _like(reference: Column, column: Column) -> Column:
    return foreign(column) if column.kind != reference.kind and column.present else like(reference, column)


def _add(one: Column, two: Column) -> Column:
    """A foreign column's pieces are of one kind, but a piece in which every row is missing may be of any."""
    return add(one, two) if one.kind == two.kind else add(foreign(one), foreign(two))


def _nothing(reference: Column) -> Column:
    return like(reference, Column(reference.name, reference.kind, reference.ascending[:0]))
