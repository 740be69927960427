"""A peer's statistic, and what it says of one column."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mlmon_dagster.drift.column import Column, Kind

NUMBERS: tuple[Kind, ...] = ("numeric",)
CATEGORIES: tuple[Kind, ...] = ("categorical", "boolean")


@dataclass(frozen=True)
class Statistic:
    """One of a peer's statistics: its name there, what it measures, and when the peer calls it drift.

    `drifted` compares what `decides` (the number itself, or the p-value beside it) with the threshold. `threshold` is
    the peer's own; `None` where it has none, so that the monitor must say one.
    """

    name: str
    kinds: tuple[Kind, ...]
    measure: Callable[[Column, Column], "Number"]
    threshold: float | None
    drifted: Literal["above", "at_or_above", "below", "at_or_below"]
    decides: Literal["value", "p_value"] = "value"

    def judge(self, number: "Number", threshold: float) -> bool:
        """The peer's verdict; a number that is none is no drift there."""
        decisive = number.p_value if self.decides == "p_value" else number.value
        assert decisive is not None  # noqa: S101 - the statistic gives what it decides by
        return {
            "above": decisive > threshold,
            "at_or_above": decisive >= threshold,
            "below": decisive < threshold,
            "at_or_below": decisive <= threshold,
        }[self.drifted]


@dataclass(frozen=True)
class Number:
    """What a peer reports: its number, and the p-value beside it where it reports both."""

    value: float
    p_value: float | None = None
