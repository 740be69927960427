"""One column of a data set as drift methods see it: present values in ascending order, apart from missing ones."""

import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import numpy as np

from mlmon_dagster.drift.native import Kind, native
from mlmon_dagster.drift.ordering import ordered
from mlmon_dagster.drift.search import Array, at_most, below
from mlmon_dagster.drift.unsorted import Ascending, Unsorted

if TYPE_CHECKING:
    from mlmon_dagster.drift.bins import Bins
    from mlmon_dagster.drift.grid import Grid

__all__ = ["Array", "Column", "Kind"]

T = TypeVar("T")

ROW = 10_000
"""Values that are summed at once; a dot product of so many runs on one thread."""

BLOCK = 4 * ROW
"""Values worked on at a time: they fit the processor's cache."""


@dataclass(frozen=True, eq=False)
class Column:
    """A column's present values in ascending order, and how many rows each stands for.

    `ascending` holds native numbers (float64, float32, int64: exact beyond 2**53), 0 and 1 for booleans, nanoseconds
    since 1970 (int64) for moments, and text for categories. It may repeat a value, unless `weights` (int64, of the
    same length) says how many rows each value stands for. A column that is known only in bins holds their upper ends
    in `ascending`, their rows in `weights`, and the rest in `bins`.
    """

    name: str
    kind: Kind
    ascending: Array = field(default=cast("Array", Ascending()), repr=False)
    weights: Array | None = field(default=None, repr=False)
    missing: int = 0
    """Rows that are null or NaN."""
    infinite: int = 0
    """Rows that are plus or minus infinity; they are counted, never measured."""
    minus_infinite: int = 0
    """Those of them that are minus infinity."""
    other: int = 0
    """Rows in categories that are not named in `ascending`."""
    squares: int | None = None
    """Sum of the squared weights of present rows, where rows are weighted."""
    dtype: str = ""
    """The type the values came in."""
    bins: "Bins | None" = field(default=None, repr=False)
    """Where only bins are known: the grid and what was summed on it."""
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False)
    unsorted: ClassVar[Unsorted | None] = None
    """The values as they came, while nothing has asked for their order."""

    def __post_init__(self) -> None:
        given: object = self.ascending
        if isinstance(given, Unsorted):
            self.__dict__["unsorted"] = self.__dict__.pop("ascending")

    def once(self, key: Hashable, make: "Callable[[], T]") -> "T":
        """What `make` gives, made at the first call with this key only: all methods share counts, quantiles, names."""
        if key not in self._made:
            self._made[key] = make()
        return cast("T", self._made[key])

    def latest(self, key: Hashable, of: Hashable, make: "Callable[[], T]") -> "T":
        """The same, remembered for the last `of` only."""
        known = self._made.get(key)
        if known is None or known[0] != of:
            known = self._made[key] = (of, make())
        return cast("T", known[1])

    @cached_property
    def present(self) -> int:
        """Rows with a value that can be measured; a weighted row counts as often as its weight says."""
        if self.weights is not None:
            return int(self.weights.sum()) + self.other
        return len(self.ascending if self.unsorted is None else self.unsorted) + self.other

    @property
    def rows(self) -> int:
        """All rows."""
        return self.present + self.missing + self.infinite

    @cached_property
    def effective(self) -> float:
        """Present rows as unweighted ones that say as much: Kish's (sum of weights)^2 / sum of squared weights."""
        return self.present**2 / self.squares if self.squares else float(self.present)

    @property
    def exact(self) -> bool:
        """Whether every value is known, not only its bin."""
        return self.bins is None

    @property
    def ordered(self) -> bool:
        """Whether values have an order and a distance."""
        return self.kind in ("numeric", "datetime")

    @cached_property
    def values(self) -> Array:
        """Distinct values in ascending order; upper ends of bins where only these are known."""
        if self.weights is not None or self._last is None:
            return self.ascending
        return self.ascending[self._last]

    @cached_property
    def counts(self) -> Array:
        """Rows of each of `values` (int64)."""
        return np.diff(self.ends)

    @cached_property
    def ends(self) -> Array:
        """How many present rows are at or below the i-th of `values`, from 0 for none (int64, one longer)."""
        if self.weights is not None:
            return np.concatenate([[0], np.cumsum(self.weights)])
        last = np.arange(len(self.ascending)) if self._last is None else self._last
        return np.concatenate([[0], last + 1])

    @property
    def repeats(self) -> bool:
        """Whether a value stands for more than one row."""
        return self.weights is not None or self._last is not None

    def rows_upto(self, places: Array) -> Array:
        """How many present rows are among the first so many of `values`; `ends` where nothing repeats is not made."""
        return self.ends[places] if self.repeats else places

    def place_of(self, ranks: Array) -> Array:
        """How many of `values` it takes to have so many present rows, at least."""
        return np.searchsorted(self.ends[1:], ranks, side="left") + 1 if self.repeats else ranks

    @cached_property
    def _last(self) -> Array | None:
        """Where runs of equal values end; None when no value repeats."""
        new = self.ascending[1:] != self.ascending[:-1]
        return None if new.all() else np.nonzero(np.concatenate([new, [True]]))[0]

    def at_most(self, thresholds: Array) -> Array:
        """For each threshold, how many present rows are at or below it (int64)."""
        found = at_most(self.ascending, thresholds)
        return found if self.weights is None else self.ends[found]

    def below(self, thresholds: Array) -> Array:
        """For each threshold, how many present rows are strictly below it (int64)."""
        found = below(self.ascending, thresholds)
        return found if self.weights is None else self.ends[found]

    def but(self, **changed: Any) -> "Column":
        """The column with other fields; nothing that was made of it is taken along."""
        return replace(self, _made={}, **changed)

    @cached_property
    def grid(self) -> "Grid":
        """The grid that columns are counted on when this one is the reference."""
        from mlmon_dagster.drift.grid import Grid

        return self.bins.grid if self.bins is not None else Grid.of(self)

    @cached_property
    def places(self) -> Array:
        """Positions in `ends` that part the values into equally filled bins."""
        from mlmon_dagster.drift.grid import places

        return places(self)

    @property
    def mean(self) -> float:
        """Mean of the present values; NaN without any."""
        origin, offset, _ = self.moments
        return float(origin) + offset

    @property
    def std(self) -> float:
        """Population standard deviation of the present values; NaN without any."""
        return self.moments[2]

    @cached_property
    def moments(self) -> "tuple[int | float, float, float]":
        """An origin, the mean's distance from it, and the standard deviation; the last two are NaN without a value."""
        if self.bins is not None:
            return self.bins.moments
        if not self.present or self.kind == "categorical":
            return 0, float("nan"), float("nan")
        return _moments(self.ascending, self.weights, self.present)

    @classmethod
    def of(
        cls, name: str, array: object, kind: Kind | None = None, weights: object = None, *, in_order: bool = True
    ) -> "Column":
        """The column in a one-dimensional array of numbers, booleans, moments or text; None, NaN and NaT are missing.

        `weights` says how many rows each row stands for: whole numbers, not negative. Unless `in_order`, floats are
        sorted when something asks for their order; until then the array is the column's and must not change.

        >>> Column.of("rooms", [3, 2, 3, None]).missing
        1
        >>> Column.of("city", ["Ulm", "Bonn", None]).kind
        'categorical'
        >>> Column.of("rooms", [3, 2], weights=[1, 4]).mean
        2.2
        """
        rows = native(name, array, kind)
        found = ordered(name, rows, weights, in_order=in_order)
        return cls(
            name, rows.kind, cast("Array", found.values), found.weights, found.missing, found.infinite,
            found.minus_infinite, squares=found.squares, dtype=rows.dtype,
        )  # fmt: skip

    @classmethod
    def counted(
        cls, name: str, values: Any, counts: Any, *, missing: int = 0, kind: Kind = "categorical", dtype: str = "text"
    ) -> "Column":
        """The column that has each of these distinct values so often: what a dictionary-encoded column already knows.

        >>> Column.counted("city", ["Ulm", "Bonn"], [3, 1]).values.tolist()
        ['Bonn', 'Ulm']
        """
        found = np.asarray(values, dtype=object if kind == "categorical" else np.int64)
        rows = np.asarray(counts, dtype=np.int64)
        names = found.tolist()
        order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)
        order = order[rows[order] > 0]
        return cls(name, kind, found[order], rows[order], missing, dtype=dtype)


def offsets(values: Array, origin: Any, into: Array | None = None) -> Array:
    """Distances of ascending values from an origin as float64: exact for whole numbers that float64 cannot hold."""
    away = np.empty(len(values)) if into is None else into
    if values.dtype.kind in "iu" and isinstance(origin, int) and len(values):
        if int(values[0]) - origin >= -(2**63) and int(values[-1]) - origin < 2**63:
            np.copyto(away, (values.astype(np.uint64) - np.uint64(origin % 2**64)).view(np.int64))
        else:  # a value's distance is its own: it must not depend on which other values come with it
            away[:] = [float(value - origin) for value in values.tolist()]
        return away
    return np.asarray(np.subtract(values, float(origin), out=away, dtype=np.float64))


def origin_of(ascending: Array) -> Any:
    """The middle value: no mean is further from it than one standard deviation."""
    return ascending[len(ascending) // 2].item()


HUGE = 1e150
"""The square of a larger number is beyond float64."""


def _moments(ascending: Array, weights: Array | None, present: int) -> "tuple[int | float, float, float]":
    origin = origin_of(ascending)
    largest = max(abs(float(ascending[0])), abs(float(ascending[-1])))
    if largest > HUGE:
        _, shift, spread = _moments(ascending / largest, weights, present)
        return 0.0, (origin / largest + shift) * largest, spread * largest
    first = second = 0.0
    for away, heavy in _away(ascending, weights, origin):
        weighed = away if heavy is None else away * heavy
        first += float(np.add.reduce(weighed, axis=None))
        second += float(np.add.reduce(np.vecdot(weighed, away), axis=None))
    shift = first / present
    return origin, shift, math.sqrt(max(second / present - shift * shift, 0.0))


def _away(ascending: Array, weights: Array | None, origin: Any) -> "Iterator[tuple[Array, Array | None]]":
    """Distances from an origin with their weights, in rows of as many values as are summed at once."""
    buffer = np.empty(min(BLOCK, len(ascending)))
    for start in range(0, len(ascending), BLOCK):
        away = offsets(ascending[start : start + BLOCK], origin, buffer[: len(ascending) - start])
        heavy = None if weights is None else weights[start : start + BLOCK]
        whole = len(away) - len(away) % ROW
        if whole:
            yield away[:whole].reshape(-1, ROW), None if heavy is None else heavy[:whole].reshape(-1, ROW)
        if whole < len(away):
            yield away[whole:], None if heavy is None else heavy[whole:]
