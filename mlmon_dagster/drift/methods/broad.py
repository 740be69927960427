"""Several methods at once, each for a change that the others see late."""

from dataclasses import dataclass
from typing import ClassVar

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, Method, effective_rows
from mlmon_dagster.drift.methods.category_shift import CategoryShift
from mlmon_dagster.drift.methods.ks import Ks
from mlmon_dagster.drift.methods.missing import Missing
from mlmon_dagster.drift.methods.psi import Psi
from mlmon_dagster.drift.methods.tails import Tails

BINS = 30
"""Bins of its `psi` for numbers: few enough to be filled, many enough to see a spread."""


@dataclass(frozen=True)
class Broad:
    """Several methods on every column, each judged by itself: whatever changes, one of them sees it early.

    For numbers and moments `ks` (a shift), `psi` in 30 bins (a spread), `tails` (extreme values) and `missing`; for
    categories and booleans `psi`, `category_shift` (one category) and `missing`. A monitor judges each of them with a
    threshold of its own, and an alarm budget is shared by all. Use it with an alarm budget where nobody knows what will
    change; its own number is the largest distance of them all, as a multiple of that method's usual threshold.
    Source: Bonferroni's union bound; the power of each choice is measured in `benchmarks/alarms.py`.

    >>> Broad().measure(Column.of("x", [1, 2, 3, 4]), Column.of("x", [3, 4, 5, 6])).value > 5
    True
    """

    default_threshold: ClassVar[float] = 1.0
    unit: ClassVar[str] = "times the usual threshold of a method"
    kinds: ClassVar[tuple[Kind, ...]] = ("numeric", "datetime", "categorical", "boolean")
    version: ClassVar[int] = 2
    cost: ClassVar[str] = "one sort, then about half of it"

    def parts(self, reference: Column) -> tuple[Method, ...]:
        """The methods for this column."""
        if reference.ordered:
            return (Ks(), Psi(bins=BINS), Tails(), Missing())
        return (Psi(), CategoryShift(), Missing())

    def measure(self, reference: Column, window: Column) -> Measure:
        found = [(part.measure(reference, window), type(part).default_threshold) for part in self.parts(reference)]
        value = max(one.value / usual for one, usual in found)
        low = max((one.value if one.low is None else one.low) / usual for one, usual in found)
        high = max((one.value if one.high is None else one.high) / usual for one, usual in found)
        return Measure(value, None, low, high, effect=value, effective_rows=effective_rows(reference, window))
