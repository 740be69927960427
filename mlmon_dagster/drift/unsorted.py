"""A column's values in the order they came, sorted only when something asks for their order."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mlmon_dagster.drift.search import Array

if TYPE_CHECKING:
    from mlmon_dagster.drift.column import Column


@dataclass(frozen=True, eq=False)
class Unsorted:
    """Finite floats, at least one."""

    values: Array = field(repr=False)

    @cached_property
    def low(self) -> float:
        """The smallest."""
        return float(self.values.min()) + 0

    @cached_property
    def high(self) -> float:
        """The largest."""
        return float(self.values.max()) + 0

    def __len__(self) -> int:
        return len(self.values)


class Ascending:
    """The attribute `Column.ascending` while a column is unsorted: the first look sorts it.

    It has no `__set__`, so a column in order keeps its values in its own dictionary and never comes here.
    """

    def __get__(self, column: "Column | None", owner: Any = None) -> Any:
        if column is None:
            return self
        known = column.__dict__
        given = known.get("unsorted")
        if given is not None:
            known["ascending"] = np.sort(given.values)
            known.pop("unsorted", None)
        return known["ascending"]
