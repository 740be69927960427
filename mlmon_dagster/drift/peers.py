"""A method as another library computes and judges it, on request: `compatible: evidently`."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from mlmon_dagster.drift import compatible
from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.drift.compatible._statistic import Statistic
from mlmon_dagster.errors import DataError, InputError, MissingError
from mlmon_dagster.plugins import unknown

PEERS = tuple(sorted(one.name for one in pkgutil.iter_modules(compatible.__path__) if not one.name.startswith("_")))
"""Names of the libraries whose numbers can be had."""

if TYPE_CHECKING:
    PeerName = str
else:
    PeerName = Literal[PEERS]


@dataclass(frozen=True)
class Compared:
    """A peer's number for one column, and the peer's verdict."""

    peer: str
    method: str
    """Our name of the method."""
    statistic: str
    """The peer's name of the number."""
    value: float
    p_value: float | None
    threshold: float
    drifted: bool
    rule: str

    def sentence(self, column: str) -> str:
        """What the peer says, in a sentence."""
        decisive = f"{self.statistic} {self.value:.3g}" + (
            f", p {self.p_value:.3g}" if self.p_value is not None else ""
        )
        said = f"has drifted: {decisive} is" if self.drifted else f"{decisive} is not"
        return f"{column} {said} {self.rule} {self.threshold:g} ({self.peer}'s rule)"


@dataclass(frozen=True)
class Compatible:
    """One of our methods by a peer's formulas; `auto` is the peer's own choice for each column."""

    peer: str
    method: str
    threshold: float | None = None
    """The peer's own where None."""

    @classmethod
    def of(cls, peer: str, method: str, threshold: float | None = None) -> "Compatible":
        """Raises `MissingError` for a peer or method that there is not, `InputError` where a threshold is needed."""
        statistics = _statistics(peer)
        if method != "auto" and method not in statistics:
            raise MissingError(unknown(f"method of {peer}", method, ("auto", *statistics)))
        if method != "auto" and threshold is None and statistics[method].threshold is None:
            raise InputError(f"{peer} has no threshold for {method} ({statistics[method].name}): say one")
        return cls(peer, method, threshold)

    @property
    def unit(self) -> str:
        """What the numbers are in: the peer's own scale."""
        return f"as {self.peer} has it"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds of columns that the peer measures so."""
        statistics = _statistics(self.peer)
        chosen = statistics.values() if self.method == "auto" else [statistics[self.method]]
        return tuple(dict.fromkeys(kind for statistic in chosen for kind in statistic.kinds))

    def compare(self, reference: Column, window: Column) -> Compared:
        """The peer's number; `DataError` where only bins of a column are known: peers need every value."""
        if not (getattr(reference, "exact", True) and getattr(window, "exact", True)):
            raise DataError(
                f"{self.peer}'s numbers need every value of {reference.name} on both sides, and here are only bins",
                hint="keep every value (mlmon profile build --exact) and give rows as the window, or leave it out",
            )
        name = _peer(self.peer).chosen(reference, window) if self.method == "auto" else self.method
        statistic = _statistics(self.peer)[name]
        number = statistic.measure(reference, window)
        threshold = self.threshold if self.threshold is not None else statistic.threshold
        assert threshold is not None  # noqa: S101 - refused above; what `auto` takes has a threshold
        drifted = statistic.judge(number, threshold)
        rule = statistic.drifted.replace("_", " ")
        return Compared(self.peer, name, statistic.name, number.value, number.p_value, threshold, bool(drifted), rule)


@cache
def _peer(name: str) -> ModuleType:
    if name not in PEERS:
        raise MissingError(unknown("compatible library", name, PEERS))
    return importlib.import_module(f"{compatible.__name__}.{name}")


def _statistics(peer: str) -> Mapping[str, Statistic]:
    statistics: Mapping[str, Statistic] = _peer(peer).STATISTICS
    return statistics
