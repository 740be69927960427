"""A column's values in the order they came, sorted only when something asks for their order."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mlmon_dagster.drift.search import Array

if TYPE_CHECKING:
    from mlmon_dagster.drift.column import Column


@dataclass(frozen=True, eq=False)
class Unsorted:
    """Finite floats, at least one, with the smallest and the largest of them."""

    values: Array = field(repr=False)
    low: float
    high: float

    def __len__(self) -> int:
        return len(self.values)


class Ascending:
    """The attribute `Column.ascending`: what was given unsorted is sorted at the first look."""

    def __set__(self, column: "Column", given: "Array | Unsorted") -> None:
        column.__dict__["_given"] = given

    def __get__(self, column: "Column | None", owner: Any = None) -> Any:
        if column is None:
            return self
        given = column.__dict__["_given"]
        if isinstance(given, Unsorted):
            given = column.__dict__["_given"] = np.sort(given.values)
        return given
