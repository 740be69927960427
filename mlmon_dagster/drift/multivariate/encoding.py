"""Columns of any kind as small whole numbers: bins of the reference's quantiles, its frequent categories, missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import unknown

BINS = 32
"""Codes of a column: 0 is missing; the rest are bins, or categories by their frequency, the last for all others."""


@dataclass(frozen=True)
class Coding:
    """How one column is coded: by upper edges (numbers), or by categories in order of frequency (text)."""

    edges: Array | None = None
    categories: tuple[str, ...] = ()
    low: float = float("nan")
    high: float = float("nan")

    def codes(self, values: Any) -> Array:
        """The code of each row (uint8)."""
        if self.edges is None:
            names, missing = texts(values)
            places = {name: place for place, name in enumerate(self.categories, 1)}
            found = np.array([places.get(name, BINS - 1) for name in names], dtype=np.uint8)
            return np.where(missing, 0, found).astype(np.uint8)
        numbers = np.asarray(values, dtype=np.float64)
        bins = np.searchsorted(self.edges, numbers, side="left") + 1
        return np.where(np.isnan(numbers), 0, bins).astype(np.uint8)

    def inside(self, values: Any) -> Array:
        """Whether each row lies where the reference has values; a missing value does."""
        if self.edges is None:
            names, missing = texts(values)
            known = set(self.categories)
            return np.asarray(missing | np.array([name in known for name in names], dtype=bool))
        numbers = np.asarray(values, dtype=np.float64)
        return np.asarray(np.isnan(numbers) | ((numbers >= self.low) & (numbers <= self.high)))


@dataclass(frozen=True)
class Encoder:
    """Named columns as one matrix of codes."""

    codings: Mapping[str, Coding]

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> "Encoder":
        """The encoder that the reference's columns (arrays of one length) give."""
        if not columns:
            raise DataError("there is no column to encode")
        return cls({name: _coding(values) for name, values in columns.items()})

    def codes(self, columns: Mapping[str, Any]) -> Array:
        """The codes of rows, shape (rows, columns); `DataError` names a column that is not there."""
        for name in self.codings:
            if name not in columns:
                raise DataError(unknown("column", name, tuple(columns)))
        coded = [coding.codes(columns[name]) for name, coding in self.codings.items()]
        return np.column_stack(coded)

    def inside(self, columns: Mapping[str, Any]) -> Array:
        """Whether every value of each row lies where the reference has values."""
        found = [coding.inside(columns[name]) for name, coding in self.codings.items()]
        return np.asarray(np.logical_and.reduce(found))

    def packed(self, prefix: str) -> tuple[dict[str, Any], dict[str, Array]]:
        """As a JSON document and arrays."""
        about = {
            name: {"categories": list(one.categories), "range": [repr(one.low), repr(one.high)]}
            for name, one in self.codings.items()
        }
        edges = {
            f"{prefix}{place}": one.edges for place, one in enumerate(self.codings.values()) if one.edges is not None
        }
        return {"order": list(self.codings), "columns": about}, edges

    @classmethod
    def unpacked(cls, about: Mapping[str, Any], arrays: Mapping[str, Array], prefix: str) -> "Encoder":
        """From what `packed` gave."""
        codings = {}
        for place, name in enumerate(about["order"]):
            one = about["columns"][name]
            low, high = (float(text) for text in one["range"])
            codings[name] = Coding(arrays.get(f"{prefix}{place}"), tuple(one["categories"]), low, high)
        return cls(codings)


def is_numeric(values: Any) -> bool:
    """Whether a column is coded by its size: numbers and booleans are."""
    return np.asarray(values).dtype.kind in "iufb"


def texts(values: Any) -> tuple[list[str], Array]:
    """Every value as text, and which are missing."""
    listed = np.asarray(values, dtype=object).tolist()
    missing = np.array([value is None or value != value for value in listed], dtype=bool)
    return [str(value) for value in listed], missing


def _coding(values: Any) -> Coding:
    if not is_numeric(values):
        names, missing = texts(values)
        present = [name for name, gone in zip(names, missing, strict=True) if not gone]
        known, counts = np.unique(np.array(present, dtype=np.str_), return_counts=True)
        order = np.argsort(-counts, kind="stable")[: BINS - 2]
        return Coding(None, tuple(known[order].tolist()))
    numbers = np.asarray(values, dtype=np.float64)
    present_numbers = numbers[np.isfinite(numbers)]
    if not len(present_numbers):
        return Coding(np.zeros(0))
    levels = np.arange(1, BINS - 1) / (BINS - 1)
    edges = np.unique(np.quantile(present_numbers, levels, method="inverted_cdf"))
    return Coding(edges, (), float(present_numbers.min()), float(present_numbers.max()))
