"""Scores beside their labels: whole numbers in the bins of the score's grid that add up, and what they tell of a model.

Of classes the rows of each class are counted, of labels that are numbers the errors are summed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.covariance import BLOCK, Axis
from mlmon_dagster.drift.fixed_point import LIMB
from mlmon_dagster.drift.grid import Grid
from mlmon_dagster.drift.method import Measure
from mlmon_dagster.drift.native import Native
from mlmon_dagster.drift.search import Array, floored
from mlmon_dagster.errors import DataError

CLASSES = 100
"""Classes that are told apart, at most."""

SUMS = ("scores", "errors", "absolutes", "squares")
"""Sums in each bin: of scores, and of errors (label - score), their sizes and their squares."""

GROUPS = 10
"""Equally filled groups of bins in which scores are compared with what came."""


@dataclass(frozen=True, eq=False)
class Scores:
    """One column of scores with its labels.

    `counts` (int64, shape (classes + 1, bins)) are the rows of each class and of all others, or, for labels that are
    numbers, those with a label. `sums` are whole units of the axes in each bin, by the names of SUMS; `totals` the sum
    of scores and of their squares for each class.
    """

    axis: Axis
    """Of the score."""
    label: Axis
    """Of the label; of classes it has only the name."""
    classes: tuple[Any, ...]
    """In order, the last is positive unless another is named; empty for labels that are numbers."""
    grid: Grid
    counts: Array = field(repr=False)
    sums: Mapping[str, Array] = field(repr=False)
    totals: Array = field(repr=False)
    labels: tuple[int, int] = (0, 0)
    """Sum of the labels in units of their axis, and of their squares, where they are numbers."""
    unlabelled: int = 0
    unscored: int = 0
    """Rows with a score and no label, and those without a score."""

    @classmethod
    def like(cls, columns: Mapping[str, Column], score: str, label: str) -> "Scores":
        """Nothing yet, on the grid of a reference's score.

        Labels of text, booleans, and numbers of which there are only two are classes; other numbers are numbers. So it
        stays for every window. `DataError` for columns that are not there or of another type.
        """
        for name in (score, label):
            if name not in columns:
                raise DataError(f"there is no column {name!r} ({', '.join(columns)})")
        scored, labelled = columns[score], columns[label]
        if not scored.ordered or scored.kind == "datetime" or not scored.present:
            raise DataError(f"{score} is {scored.kind}, expected scores: numbers")
        classes = _classes(labelled)
        axis = Axis(label, 0, 0) if classes else Axis.of(labelled)
        return cls(Axis.of(scored), axis, classes, scored.grid, *_empty(len(classes), len(scored.grid.edges) + 1))

    @property
    def nothing(self) -> "Scores":
        """The same of no rows."""
        counts, sums, totals = _empty(len(self.classes), self.counts.shape[1])
        return replace(self, counts=counts, sums=sums, totals=totals, labels=(0, 0), unlabelled=0, unscored=0)

    @property
    def names(self) -> tuple[str, str]:
        """The columns of scores and labels."""
        return self.axis.name, self.label.name

    @property
    def rows(self) -> int:
        """Rows with a score and a label."""
        return int(self.counts.sum())

    def counted(self, rows: Mapping[str, Native]) -> "Scores":
        """The rows on this grid; the same for any cut into pieces. A column that is not there has no value."""
        score, label = (rows.get(name) for name in self.names)
        found = self.nothing
        if score is None or score.kind in ("categorical", "datetime"):
            return replace(found, unscored=len(label.data) if label is not None else 0)
        for start in range(0, len(score.data), BLOCK):
            found = self._added(found, score, label, start)
        return found

    def _added(self, total: "Scores", score: Native, label: Native | None, start: int) -> "Scores":
        size = min(BLOCK, len(score.data) - start)
        units, there = np.empty(size), np.empty(size, dtype=bool)
        self.axis.units(score, start, units, there)
        codes, error, labels = self._labelled(score, label, start, size)
        both, bins = there & (codes >= 0), self._bins(score.data[start : start + size], there)
        kinds, width = self.counts.shape
        unlabelled = int((there & (codes < 0)).sum())
        units, error, codes, bins = units[both], error[both], codes[both], bins[both]
        counts = np.bincount(codes * width + bins, minlength=self.counts.size).reshape(self.counts.shape)
        values = {"scores": units, "errors": error, "absolutes": np.abs(error), "squares": error**2}
        block = replace(
            total,
            counts=counts,
            sums={name: _whole(np.bincount(bins, value, width)) for name, value in values.items()},
            totals=np.stack([_whole(np.bincount(codes, value, kinds)) for value in (units, units**2)], axis=1),
            labels=(int(labels[both].sum()), int((labels[both] ** 2).sum())),
            unlabelled=unlabelled,
            unscored=int((~there).sum()),
        )
        return total.merge(block)

    def _labelled(self, score: Native, label: Native | None, start: int, size: int) -> tuple[Array, Array, Array]:
        """For each row the place of its class (-1 without a label), the error and the label in units."""
        nothing = np.zeros(size)
        if label is None:
            return np.full(size, -1), nothing, nothing
        if self.classes:
            return _codes(label, self.classes, slice(start, start + size)), nothing, nothing
        units, there, error = np.empty(size), np.empty(size, dtype=bool), np.empty(size)
        known = None if label.kind == "categorical" else label
        self.label.units(known, start, units, there)
        if known is not None:
            away = known.data[start : start + size].astype(np.float64) - score.data[start : start + size]
            mask = None if known.missing is None else known.missing[start : start + size]
            of_error = Axis(self.label.name, 0.0, self.label.exponent)
            of_error.units(Native("numeric", away, mask, "float64"), 0, error, np.empty(size, dtype=bool))
        return np.where(there, 0, -1), error, units

    def _bins(self, data: Array, there: Array) -> Array:
        held, none = floored(self.grid.edges, data.dtype)
        offset = int(none.sum()) if none is not None else 0
        found = np.searchsorted(held[offset:], np.where(there, data, held[-1:]), side="left")
        return np.asarray(found + offset)

    def merge(self, other: "Scores") -> "Scores":
        """Both together; `DataError` for another reference's grid, label or classes."""
        mine, its = (one.axis for one in (self, other)), (one.label for one in (self, other))
        same = len({*mine}) == 1 and len({*its}) == 1 and self.classes == other.classes
        if not same or not self.grid.same(other.grid):
            raise DataError(
                f"scores of {self.axis.name} are counted on another grid, so they cannot be added",
                hint="profile both like one reference: mlmon profile build --like REFERENCE",
            )
        return replace(
            self,
            counts=self.counts + other.counts,
            sums={name: self.sums[name] + other.sums[name] for name in SUMS},
            totals=self.totals + other.totals,
            labels=(self.labels[0] + other.labels[0], self.labels[1] + other.labels[1]),
            unlabelled=self.unlabelled + other.unlabelled,
            unscored=self.unscored + other.unscored,
        )

    def packed(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """As a JSON document and arrays of whole numbers."""
        about = {
            "axis": [self.axis.name, self.axis.origin, self.axis.exponent],
            "label": [self.label.name, self.label.origin, self.label.exponent],
            "classes": list(self.classes),
            "grid": [self.grid.origin, self.grid.exponent],
            "labels": [str(one) for one in self.labels],
            "unlabelled": self.unlabelled,
            "unscored": self.unscored,
        }
        arrays = {"edges": self.grid.edges, "counts": self.counts}
        for name, whole in {**self.sums, "totals": self.totals}.items():
            arrays[f"{name}.high"] = (whole >> LIMB).astype(np.int64)
            arrays[f"{name}.low"] = (whole & (1 << LIMB) - 1).astype(np.int64)
        return about, arrays

    @classmethod
    def unpacked(cls, about: Mapping[str, Any], array: Callable[[str], Array]) -> "Scores":
        """From what `packed` gave."""
        found = {
            name: _whole(array(f"{name}.high")) * 2**LIMB + _whole(array(f"{name}.low")) for name in (*SUMS, "totals")
        }
        totals = found.pop("totals")
        grid = Grid(array("edges"), *about["grid"])
        labels = int(about["labels"][0]), int(about["labels"][1])
        counts = array("counts").astype(np.int64)
        axis, label = (Axis(*about[name]) for name in ("axis", "label"))
        return cls(
            axis, label, tuple(about["classes"]), grid, counts, found, totals, labels,
            about["unlabelled"], about["unscored"],
        )  # fmt: skip

    def sides(self, positive: Any = None) -> tuple[Array, Array]:
        """Rows of the positive class and of all other known ones, in each bin (int64).

        `DataError` for labels that are numbers, a class that is not known, or labels of unknown classes.
        """
        if not self.classes:
            raise DataError(f"{self.label.name} is a number: it has no classes")
        chosen = self.classes[-1] if positive is None else positive
        if chosen not in self.classes:
            raise DataError(f"there is no class {chosen!r} of {self.label.name} ({', '.join(map(str, self.classes))})")
        if self.counts[-1].sum():
            raise DataError(f"{int(self.counts[-1].sum())} labels are of classes that the reference never had")
        hits = self.counts[self.classes.index(chosen)]
        return hits, self.counts.sum(axis=0) - hits

    def performance(self, positive: Any = None) -> dict[str, Measure]:
        """What the labels say of the scores, by metric; those without a meaning for them are left out.

        Of classes: `roc_auc` (exact where each bin holds one score, else bounded), and of scores between 0 and 1 also
        `brier` and `calibration_error` (over ten equally filled groups). Of numbers: `mae`, `rmse`, `bias`, `r2`.
        Nothing without a row that has a label.
        """
        if not self.rows:
            return {}
        if not self.classes:
            return self._errors()
        hits, others = self.sides(positive)
        found = {"roc_auc": area(hits, others, self.grid.points)} if hits.any() and others.any() else {}
        if self._probabilities:
            chosen = self.classes[-1] if positive is None else positive
            found["brier"] = Measure(self._brier(self.classes.index(chosen)))
            found["calibration_error"] = Measure(self._calibration_error(hits, hits + others))
        return found

    @property
    def _probabilities(self) -> bool:
        """Whether all labelled scores lie between 0 and 1, as far as edges tell."""
        filled, edges = np.nonzero(self.counts.sum(axis=0))[0], self.grid.edges
        low, high = int(filled[0]), int(filled[-1])
        return low > 0 and bool(edges[low - 1] >= -1e-9) and high < len(edges) and bool(edges[high] <= 1)

    def score_sums(self) -> Array:
        """The sum of labelled scores in each bin, in the score's own unit."""
        count = self.counts.sum(axis=0)
        units = self.sums["scores"].astype(np.float64)
        return np.asarray(float(self.axis.origin) * count + units * 2.0**-self.axis.exponent)

    def _brier(self, place: int) -> float:
        unit, origin = 2.0**-self.axis.exponent, float(self.axis.origin)
        rows, hits = self.rows, int(self.counts[place].sum())
        first = int(self.totals[:, 0].sum()) * unit
        square = int(self.totals[:, 1].sum()) * unit**2 + 2 * origin * first + rows * origin**2
        of_hits = int(self.totals[place, 0]) * unit + origin * hits
        return float((square - 2 * of_hits + hits) / rows)

    def _calibration_error(self, hits: Array, rows: Array) -> float:
        group = groups(rows, GROUPS)
        said, came = (np.bincount(group, one, GROUPS) for one in (self.score_sums(), hits))
        return float(np.abs(said - came).sum() / rows.sum())

    def _errors(self) -> dict[str, Measure]:
        unit, rows = 2.0**-self.label.exponent, self.rows
        square = int(self.sums["squares"].sum()) * unit**2
        spread = (self.labels[1] - self.labels[0] ** 2 / rows) * unit**2
        found = {
            "mae": int(self.sums["absolutes"].sum()) * unit / rows,
            "rmse": float(np.sqrt(square / rows)),
            "bias": -int(self.sums["errors"].sum()) * unit / rows,
        }
        if rows > 1 and spread > 0:
            found["r2"] = 1 - square / spread
        return {name: Measure(value) for name, value in found.items()}


def area(hits: Array, others: Array, points: Array) -> Measure:
    """The area under ROC of rows in ascending bins: pairs within a bin count half, and bound it unless it is a point.

    >>> area(np.array([0, 2]), np.array([1, 1]), np.array([True, True])).value
    0.75
    """
    below = np.cumsum(others) - others
    sure, tied = float(np.dot(hits, below.astype(np.float64))), hits.astype(np.float64) * others
    pairs = float(hits.sum()) * float(others.sum())
    open_pairs = float(tied[~points].sum())
    value = (sure + float(tied.sum()) / 2) / pairs
    half = open_pairs / 2 / pairs
    return Measure(value, low=value - half, high=value + half)


def groups(rows: Array, count: int) -> Array:
    """The number of the equally filled group that each bin belongs to."""
    total = max(int(rows.sum()), 1)
    middle = np.cumsum(rows) - rows / 2
    return np.asarray(np.minimum((middle * count / total).astype(np.int64), count - 1))


def _classes(label: Column) -> tuple[Any, ...]:
    if label.kind == "datetime":
        raise DataError(f"{label.name} holds moments, expected labels: classes or numbers")
    if label.kind == "boolean":
        return (False, True)
    values: Sequence[Any] = label.values.tolist()
    if not label.present:
        raise DataError(f"every value of {label.name} is missing in the reference")
    if label.kind == "categorical":
        if len(values) + (label.other > 0) > CLASSES:
            raise DataError(f"{label.name} has {len(values)} classes, at most {CLASSES} are told apart")
        return tuple(values)
    return tuple(values) if label.exact and len(values) == 2 else ()


def _codes(label: Native, classes: tuple[Any, ...], rows: slice) -> Array:
    """The place of each row's class; -1 without a label, their number for a class that is not known."""
    data = label.data[rows]
    missing = np.zeros(len(data), dtype=bool) if label.missing is None else label.missing[rows]
    text = isinstance(classes[0], str)
    if data.dtype.kind == "f":
        missing = missing | np.isnan(data)
    if text:
        places = {name: place for place, name in enumerate(classes)}
        known = [places.get(str(one), len(classes)) for one in data.tolist()]
        found = np.array(known, dtype=np.int64) if len(data) else np.zeros(0, dtype=np.int64)
    elif data.dtype.kind == "O":
        found = np.full(len(data), len(classes))
    else:
        numbers = np.asarray(classes, dtype=np.float64)
        values = data.astype(np.float64)
        at = np.minimum(np.searchsorted(numbers, np.where(missing, 0, values)), len(numbers) - 1)
        found = np.where(numbers[at] == values, at, len(classes))
    return np.where(missing, -1, found)


def _empty(classes: int, bins: int) -> tuple[Array, dict[str, Array], Array]:
    kinds = classes + 1 if classes else 1
    sums = {name: _whole(np.zeros(bins)) for name in SUMS}
    return np.zeros((kinds, bins), dtype=np.int64), sums, _whole(np.zeros((kinds, 2)))


def _whole(numbers: Array) -> Array:
    """As Python's own whole numbers, which have no limit."""
    return np.asarray(numbers.astype(np.int64).astype(object))
