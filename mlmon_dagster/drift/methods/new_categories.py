"""The share of rows in categories that the reference never saw."""

from dataclasses import dataclass
from typing import ClassVar

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.method import Measure, effective_rows


@dataclass(frozen=True)
class NewCategories:
    """Share of the window's rows whose category does not occur in the reference, 0 to 1.

    Exact, unless the reference has more categories than its profile keeps: rows of those may be new ones or not.
    Use it on inputs with a fixed list of values, where anything new is a mistake or an event.
    Source: Amazon SageMaker Model Monitor, constraint "domain_content_threshold".

    >>> NewCategories().measure(Column.of("x", ["a", "b"]), Column.of("x", ["a", "z"])).value
    0.5
    """

    default_threshold: ClassVar[float] = 0.01
    unit: ClassVar[str] = "share of rows"
    kinds: ClassVar[tuple[Kind, ...]] = ("categorical", "boolean")
    version: ClassVar[int] = 1
    cost: ClassVar[str] = "one count of the categories"

    def measure(self, reference: Column, window: Column) -> Measure:
        known = reference.once("known", lambda: set(reference.ascending.tolist()))
        names = window.ascending.tolist()
        rows = [] if known.issuperset(names) else zip(names, window.counts.tolist(), strict=True)
        unseen = sum(count for name, count in rows if name not in known)
        everything = (unseen + window.other) / window.present
        low = 0.0 if reference.other else everything
        return Measure(
            everything, low=low, high=everything, effect=everything, effective_rows=effective_rows(reference, window)
        )
