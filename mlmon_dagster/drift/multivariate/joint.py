"""What a joint method is: it learns from the reference's rows once, and measures windows of several columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from mlmon_dagster.drift.column import Array

Table = Mapping[str, Array]
"""Columns by name: arrays of one length, numbers (NaN is missing), booleans or text (None is missing)."""


JOINT = "joint"
"""Stands for the column in the verdict of a monitor over several."""


@dataclass(frozen=True)
class Learned:
    """What a method keeps of the reference: a JSON document and arrays, no row as it came."""

    about: Mapping[str, Any]
    arrays: Mapping[str, Array]


@dataclass(frozen=True)
class JointMeasure:
    """The distance of a window over several columns, the p-value of one as large without drift, and what tells most.

    `numbers` are further metrics by name, `columns` the columns that the distance comes from, the first the most.
    """

    value: float
    p_value: float
    numbers: Mapping[str, float] = field(default_factory=dict)
    columns: tuple[str, ...] = ()


class JointMethod(Protocol):
    """Family `joint`: measures drift over several columns at once. Deterministic; `learn` keeps no raw row.

    `default_threshold` is the distance that is usually called drift; it is judged elsewhere (`joint_monitor`).
    """

    default_threshold: ClassVar[float]
    unit: ClassVar[str]

    def learn(self, reference: Table) -> Learned: ...

    def measure(self, learned: Learned, window: Table) -> JointMeasure: ...
