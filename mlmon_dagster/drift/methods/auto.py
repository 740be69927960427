"""The method that suits the kind of the column."""

from dataclasses import dataclass
from typing import ClassVar

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, Method
from mlmon_dagster.drift.methods.jensen_shannon import JensenShannon
from mlmon_dagster.drift.methods.ks import Ks


@dataclass(frozen=True)
class Auto:
    """`ks` for numbers and moments, `jensen_shannon` for categories and booleans.

    The kind of the reference's column decides, once and for ever: never the amount of data.
    """

    default_threshold: ClassVar[float] = 0.15
    unit: ClassVar[str] = "distance"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime", "categorical", "boolean")
    version: ClassVar[int] = 1
    cost: ClassVar[str] = "that of the method it chooses"

    def chosen(self, reference: Column) -> Method:
        """The method for this column."""
        return Ks() if reference.ordered else JensenShannon()

    def measure(self, reference: Column, window: Column) -> Measure:
        return self.chosen(reference).measure(reference, window)
