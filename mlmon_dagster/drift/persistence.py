"""Persistence: a distance must stay above its threshold in several windows before it is called drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from mlmon_dagster import plugins

_NUMBER = {"type": "integer", "minimum": 1, "maximum": 100}

JSON_SCHEMA = {
    "type": "object",
    "properties": {"windows": _NUMBER, "of": _NUMBER},
    "required": ["windows", "of"],
    "additionalProperties": False,
}
"""Written out wherever it is used: pydantic cannot refer from a plug-in's schema to one of its own."""


@dataclass(frozen=True)
class Persistence:
    """Drift is called in a window that is above when at least `windows` of the newest `of` are, itself included.

    >>> Persistence(2, 3).state([True, False], now=True)
    'persists'
    """

    __pydantic_config__ = plugins.CONFIG

    windows: Annotated[int, Field(ge=1, le=100, description="how many windows must be above")]
    of: Annotated[int, Field(ge=1, le=100, description="among so many of the newest, the judged one included")]

    def __post_init__(self) -> None:
        if self.windows > self.of:
            raise ValueError(f"{self.windows} of {self.of} windows can never be above: `windows` is at most `of`")

    def state(self, past: Sequence[bool | None], *, now: bool) -> Literal["below", "persists", "passing", "unknown"]:
        """What the newest windows say; `past` holds the `of` - 1 before this one, None for one that was not judged.

        `passing`: too few were above, whatever the unjudged ones held. `unknown`: it depends on those.
        """
        if not now:
            return "below"
        before = past[len(past) - min(len(past), self.of - 1) :]
        above = 1 + sum(one is True for one in before)
        unjudged = self.of - 1 - len(before) + sum(one is None for one in before)
        if above >= self.windows:
            return "persists"
        return "unknown" if above + unjudged >= self.windows else "passing"

    def level(self, rate: float) -> float:
        """How often a single window may be above, so that the share of windows that alarm is `rate`.

        Windows without drift are taken as independent of each other. Solves
        a P(at least `windows` - 1 of `of` - 1 are above) = rate for a by bisection.

        >>> round(Persistence(2, 2).level(0.01), 6)
        0.1
        """
        low, high = rate, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            if middle * _at_least(self.windows - 1, self.of - 1, middle) < rate:
                low = middle
            else:
                high = middle
        return high

    def __str__(self) -> str:
        return f"{self.windows} of {self.of} windows"


def _at_least(wanted: int, count: int, chance: float) -> float:
    from scipy.special import bdtrc

    return 1.0 if wanted <= 0 else float(bdtrc(wanted - 1, count, chance))
