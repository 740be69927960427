"""Columns of any kind as a matrix of standardised numbers, as NannyML makes it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.drift.multivariate.encoding import is_numeric, texts
from mlmon_dagster.drift.multivariate.joint import Table
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import unknown

BLOCK = 16_384
"""Rows worked on at a time."""


@dataclass(frozen=True)
class Standard:
    """Numbers with the reference's mean for what is missing, categories by their share of it; then (x - mean) / std.

    A category that the reference never had has the share 0.
    """

    shares: Mapping[str, Mapping[str, float]]
    """Of categories: column -> category -> share; `None` among the categories stands for the most frequent one."""
    fills: Mapping[str, Any]
    """What a missing value of each column is taken as, in the order of columns."""
    means: Array
    stds: Array

    @classmethod
    def of(cls, reference: Table) -> "Standard":
        """From the reference's rows; `DataError` for a column without any value."""
        if not reference:
            raise DataError("there is no column to compare")
        shares: dict[str, dict[str, float]] = {}
        fills: dict[str, Any] = {}
        for name, values in reference.items():
            if is_numeric(values):
                numbers = np.asarray(values, dtype=np.float64)
                if not np.isfinite(numbers).any():
                    raise DataError(f"every value of {name} is missing in the reference")
                fills[name] = float(numbers[np.isfinite(numbers)].mean())
                continue
            listed, missing = texts(values)
            known, counts = np.unique(np.array(listed)[~missing], return_counts=True)
            if not len(known):
                raise DataError(f"every value of {name} is missing in the reference")
            fills[name] = str(known[np.argmax(counts)])
            total = dict(zip(known.tolist(), counts.tolist(), strict=True))
            total[fills[name]] += int(missing.sum())
            shares[name] = {category: count / len(listed) for category, count in total.items()}
        plain = cls(shares, fills, np.zeros(len(fills)), np.ones(len(fills)))
        count, means, squares = 0, np.zeros(len(fills)), np.zeros(len(fills))
        for block in plain.blocks(reference):
            apart, more = block.mean(axis=0) - means, len(block)
            squares += ((block - block.mean(axis=0)) ** 2).sum(axis=0) + apart**2 * count * more / (count + more)
            means, count = means + apart * more / (count + more), count + more
        stds = np.sqrt(squares / count)
        return cls(shares, fills, means, np.where(stds > 0, stds, 1.0))

    def matrix(self, rows: Table) -> Array:
        """The standardised rows, shape (rows, columns); `DataError` names a column that is not there."""
        columns = []
        for name, fill in self.fills.items():
            if name not in rows:
                raise DataError(unknown("column", name, tuple(rows)))
            columns.append(self._numbers(name, rows[name], fill))
        return np.asarray((np.column_stack(columns) - self.means) / self.stds)

    def blocks(self, rows: Table) -> Iterator[Array]:
        """The same, a block of rows at a time: constant memory, and what is read stays in the processor's cache."""
        count = len(next(iter(rows.values())))
        for start in range(0, count, BLOCK):
            yield self.matrix({name: values[start : start + BLOCK] for name, values in rows.items()})

    def _numbers(self, name: str, values: Any, fill: Any) -> Array:
        if name not in self.shares:
            try:
                numbers = np.asarray(values, dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise DataError(f"{name} holds numbers in the reference and something else in the window") from error
            return np.where(np.isfinite(numbers), numbers, fill)
        shares = self.shares[name]
        listed, missing = texts(values)
        return np.array([shares.get(fill if no else one, 0.0) for one, no in zip(listed, missing, strict=True)])

    def document(self) -> dict[str, Any]:
        """What is not an array, as JSON."""
        fills = {name: fill if isinstance(fill, str) else repr(fill) for name, fill in self.fills.items()}
        return {"order": list(self.fills), "fills": fills, "shares": {k: dict(v) for k, v in self.shares.items()}}

    @classmethod
    def read(cls, document: Mapping[str, Any], means: Array, stds: Array) -> "Standard":
        """From `document` and its arrays."""
        shares = document["shares"]
        fills = {
            name: document["fills"][name] if name in shares else float(document["fills"][name])
            for name in document["order"]
        }
        return cls(shares, fills, means, stds)


def rows_of(table: Table) -> int:
    """How many rows a table has."""
    return len(next(iter(table.values()))) if table else 0


def thinned(table: Table, rows: int) -> Table:
    """At most so many rows, spread evenly."""
    count = rows_of(table)
    if count <= rows:
        return table
    chosen = np.linspace(0, count - 1, rows).astype(int)
    return {name: np.asarray(values)[chosen] for name, values in table.items()}
