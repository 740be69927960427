"""What a profile may keep beside its columns: how they go together, and scores beside their labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.covariance import Covariance
from mlmon_dagster.drift.frames import names_of, rows_of
from mlmon_dagster.drift.scores import Scores
from mlmon_dagster.errors import DataError


@dataclass(frozen=True)
class Parts:
    """Sums over rows whose values must be seen together; a part that was not asked for is not there, never zero."""

    covariance: Covariance | None = None
    scores: Mapping[str, Scores] = field(default_factory=dict)
    """Column of scores -> its scores beside their labels."""

    @classmethod
    def like(cls, columns: Mapping[str, Column], *, covariance: bool, scores: Mapping[str, str]) -> "Parts":
        """Nothing yet, on the grids of a reference's columns; `scores` names the labels of each column of scores."""
        found = {score: Scores.like(columns, score, label) for score, label in scores.items()}
        return cls(Covariance.like(columns) if covariance else None, found)

    def __bool__(self) -> bool:
        return self.covariance is not None or bool(self.scores)

    @property
    def names(self) -> tuple[str, ...]:
        """Columns whose values must be read row by row, and not column by column."""
        together = () if self.covariance is None else self.covariance.names
        return tuple(dict.fromkeys((*together, *(name for one in self.scores.values() for name in one.names))))

    @property
    def nothing(self) -> "Parts":
        """The same parts of no rows."""
        together = None if self.covariance is None else Covariance.nothing(self.covariance.axes)
        return Parts(together, {name: one.nothing for name, one in self.scores.items()})

    def counted(self, data: Any) -> "Parts":
        """These rows (a table); columns that they lack have no value there."""
        if not self:
            return self
        there = set(names_of(data))
        rows = rows_of(data, [name for name in self.names if name in there])
        together = None if self.covariance is None else self.covariance.counted(rows)
        return Parts(together, {name: one.counted(rows) for name, one in self.scores.items()})

    def merge(self, other: "Parts") -> "Parts":
        """Both together; `DataError` where one side lacks a part: the sum would be of some rows only."""
        mine, its = (["a covariance"] * (one.covariance is not None) + sorted(one.scores) for one in (self, other))
        for name in sorted({*mine} ^ {*its}):
            part = name if name == "a covariance" else f"scores of {name}"
            raise DataError(
                f"only one of the profiles keeps {part}, so they cannot be merged",
                hint="profile both like one reference: mlmon profile build --like REFERENCE",
            )
        together = None
        if self.covariance is not None and other.covariance is not None:
            together = self.covariance.merge(other.covariance)
        return Parts(together, {name: one.merge(other.scores[name]) for name, one in self.scores.items()})
