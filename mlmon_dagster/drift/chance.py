"""What chance alone does: distances between two random parts of one column, where nothing has drifted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from mlmon_dagster.drift.column import Array, Column
from mlmon_dagster.drift.method import Measure

CELLS = 1024
"""Distinct values that are told apart; more are joined, equally many rows at a time, which moves no method's chance."""

OUTERMOST = 32
"""Values at either end that stay apart all the same: how far the largest ones lie moves means."""

DRAWS = 100
"""Random parts that a noise floor is estimated from."""

ENOUGH_ROWS = 20_000
"""Rows beyond which a noise floor falls no further: every threshold is far above it."""

SELDOM = 0.05
"""Chance at which it is counted how often methods alarm together: hundreds of windows tell no smaller one."""

OTHERS, STRANGER = "\U0010fffe", "\U0010ffff"
"""Stand for the categories that a profile does not name, and for one that nobody has; last in order."""

TAIL, PRIOR = 200, 200
"""Largest distances that a tail is fitted to, and how many light-tailed ones they are averaged with."""


class Measures(Protocol):
    """A drift method."""

    def measure(self, reference: Column, window: Column) -> Measure: ...


@dataclass(frozen=True)
class Population:
    """A reference's column that random windows are drawn from: rows by value, then missing and infinite ones."""

    column: Column
    ends: Array
    """The largest value of each cell; all but the last two cells have one."""
    rows: Array
    """Rows of each cell (int64)."""

    @classmethod
    def of(cls, column: Column) -> "Population":
        values, counts = column.values, np.asarray(column.counts)
        if column.other:
            values, counts = np.append(values, np.array([OTHERS], dtype=object)), np.append(counts, column.other)
        ends = values
        if len(values) > CELLS and column.ordered:
            groups = (np.cumsum(counts) - 1) * CELLS // counts.sum()
            alone = np.minimum(np.arange(len(values)), np.arange(len(values))[::-1]) <= OUTERMOST
            starts = np.flatnonzero((np.diff(groups, prepend=-1) > 0) | alone)
            lasts = np.append(starts[1:], len(values)) - 1
            values, ends, counts = values[(starts + lasts) // 2], values[lasts], np.add.reduceat(counts, starts)
        coarse = Column(column.name, column.kind, values, counts, column.missing, column.infinite)
        return cls(coarse, ends, np.append(counts, [column.missing, column.infinite]))

    def with_strangers(self) -> "Population":
        """With one more row that is missing, and one in a category of its own: none was seen, one may come.

        Laplace's rule of succession, without which the first missing value ever would break every budget.
        """
        column, rows = self.column, self.rows + np.array([0] * (len(self.rows) - 2) + [1, 0])
        if column.kind != "categorical":
            return replace(self, column=replace(column, missing=column.missing + 1), rows=rows)
        values = np.append(column.values, np.array([STRANGER], dtype=object))
        return Population.of(
            Column(column.name, column.kind, values, np.append(rows[:-2], 1), int(rows[-2]), int(rows[-1]))
        )

    @property
    def size(self) -> int:
        """All rows."""
        return int(self.rows.sum())

    def parted(self, window: Array) -> tuple[Column, Column]:
        """The rest and the window, whose rows in each cell are given."""
        return self._part(self.rows - window), self._part(window)

    def split(self, window_rows: int, random: np.random.Generator) -> Iterator[tuple[Column, Column]]:
        """Random windows of that many rows, drawn without replacement, each with the rest of the rows."""
        cells = np.repeat(np.arange(len(self.rows), dtype=np.int32), self.rows)
        while True:
            drawn = random.choice(cells, window_rows, replace=False, shuffle=False)
            yield self.parted(np.bincount(drawn, minlength=len(self.rows)))

    def counted(self, window: Column) -> Array | None:
        """A window's rows in these cells, or None where it is no part of this population."""
        counts = np.zeros(len(self.rows), dtype=np.int64)
        cells = np.searchsorted(self.ends, window.values)
        if len(cells) and cells.max() >= len(self.ends):
            return None
        np.add.at(counts, cells, window.counts)
        counts[-2:] = window.missing, window.infinite
        return counts if (counts <= self.rows).all() else None

    def _part(self, rows: Array) -> Column:
        there = rows[:-2] > 0
        missing, infinite = rows[-2:].tolist()
        return Column(
            self.column.name, self.column.kind, self.column.values[there], rows[:-2][there], missing, infinite
        )


def distances(
    methods: Sequence[Measures], population: Population, window_rows: int, draws: int, random: Any
) -> list[Array]:
    """By each method the distances of `draws` random windows from the rest of the population, the same ones for all."""
    parts = population.split(window_rows, random)
    found: list[list[float]] = [[] for _ in methods]
    for _ in range(draws):
        reference, window = next(parts)
        if reference.present and window.present:
            for values, method in zip(found, methods, strict=True):
                values.append(method.measure(reference, window).value)
    return [np.array(values) if values else np.zeros(1) for values in found]


def apart(found: Sequence[Array]) -> float:
    """To how many independent ones several methods' distances of the same windows amount, of what alarms seldom.

    Methods of one column see much of the same: so many times as often as one of them does any exceed what it exceeds in
    `SELDOM` of the windows. At least 1, and at most their number.
    """
    beyond = [one > np.quantile(one, 1 - SELDOM, method="higher") for one in found]
    return float(np.clip(np.mean(np.any(beyond, axis=0)) / SELDOM, 1, len(found)))


def reached(found: Array, chance: float) -> float:
    """The distance that is exceeded with this probability, beyond the largest one seen where it must be.

    The largest distances are taken as a generalised Pareto tail, fitted by probability-weighted moments with its shape
    drawn towards an exponential one, which keeps few draws from promising too much.
    Source: Hosking and Wallis, "Parameter and Quantile Estimation for the Generalized Pareto Distribution", 1987.
    """
    share = min(0.2, max(TAIL / len(found), 0.04))
    if chance >= share:
        return float(np.quantile(found, 1 - chance, method="higher"))
    start = float(np.quantile(found, 1 - share))
    excess = found[found > start] - start
    if len(excess) < 5:
        return float(found[-1])
    first = float(excess.mean())
    second = float((excess * (1 - (np.arange(1, len(excess) + 1) - 0.35) / len(excess))).mean())
    shape = 2 - first / (first - 2 * second) if first != 2 * second else 0.0
    shape = float(np.clip(shape, -0.3, 0.3)) * len(excess) / (len(excess) + PRIOR)
    scale, ratio = first * (1 - shape), share / chance
    return start + scale * float(np.log(ratio) if abs(shape) < 1e-6 else (ratio**shape - 1) / shape)


def noise_floor(method: Measures, reference: Column, window_rows: int, chance: float) -> float:
    """The distance that a window of so many rows reaches with this probability though nothing has drifted.

    A smaller distance is no evidence of anything. The same for the same reference: its draws are seeded by the name.
    """
    population = Population.of(reference)
    rows = max(1, min(window_rows, population.size // 2, ENOUGH_ROWS))
    (found,) = distances([method], population, rows, DRAWS, seeded(reference.name))
    return reached(np.sort(found), chance)


def seeded(*names: str) -> np.random.Generator:
    """A generator that is the same for the same names."""
    return np.random.default_rng(list("\0".join(names).encode()))
