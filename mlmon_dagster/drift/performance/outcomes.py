"""Labels beside what was predicted for them, and what a performance metric is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.errors import DataError


@dataclass(frozen=True)
class Outcomes:
    """Predictions and their labels, row by row; nothing is missing.

    `predictions` has one value a row (a number, or a class). `probabilities`, if the model gives them, has the shape
    (rows, classes) in the order of `classes`. `positive` is the class that binary metrics are about.
    """

    labels: Array
    predictions: Array | None = None
    probabilities: Array | None = None
    classes: tuple[Any, ...] = ()
    positive: Any = 1

    @classmethod
    def of(
        cls, labels: Any, predictions: Any = None, probabilities: Any = None, classes: Any = None, positive: Any = None
    ) -> "Outcomes":
        """The outcomes in such arrays; `DataError` when they do not fit one another.

        `classes` and `positive` default to (0, 1) and 1; `probabilities` of one dimension are the positive class's.
        """
        truth = _flat("labels", labels)
        given = None if predictions is None else _flat("predictions", predictions)
        known = tuple(classes) if classes is not None else (0, 1)
        chance = None if probabilities is None else _chances(np.asarray(probabilities, dtype=np.float64), known)
        for name, array in (("predictions", given), ("probabilities", chance)):
            if array is not None and len(array) != len(truth):
                raise DataError(f"one of the {name} is needed for each label, got {len(array)} for {len(truth)}")
        if given is None and chance is None:
            raise DataError("predictions or probabilities are needed beside the labels")
        target = positive if positive is not None else (known[-1] if len(known) == 2 else 1)
        return cls(truth, given, chance, known if chance is not None else (), target)

    @property
    def rows(self) -> int:
        """Rows that have a label."""
        return len(self.labels)

    def take(self, rows: Array) -> "Outcomes":
        """Those rows (places, or a mask), perhaps several times."""
        given = None if self.predictions is None else self.predictions[rows]
        chance = None if self.probabilities is None else self.probabilities[rows]
        return Outcomes(self.labels[rows], given, chance, self.classes, self.positive)

    def numbers(self, metric: str) -> tuple[Array, Array]:
        """Labels and predictions as float64."""
        try:
            return self.labels.astype(np.float64), self.values(metric).astype(np.float64)
        except (ValueError, TypeError) as error:
            raise DataError(f"{metric} is for numbers: {error}") from error

    def values(self, metric: str) -> Array:
        """Predicted values."""
        if self.predictions is None:
            raise DataError(f"{metric} needs predicted values, there are only probabilities")
        return self.predictions

    def hits(self, metric: str) -> tuple[Array, Array]:
        """Whether the label, and whether the prediction, is the positive class."""
        truth, given = self.labels == self.positive, self.values(metric) == self.positive
        others = {*np.unique(self.labels).tolist(), *np.unique(self.values(metric)).tolist()} - {self.positive}
        if len(others) > 1:
            named = ", ".join(map(repr, sorted(others, key=str)[:5]))
            raise DataError(
                f"{metric} is for two classes; beside the positive class {self.positive!r} there are {named}",
                hint="name the `positive` class, or use a metric for several classes such as f1_macro",
            )
        return np.asarray(truth), np.asarray(given)

    def scores(self, metric: str) -> tuple[Array, Array]:
        """Whether the label is the positive class, and the score of that class: its probability, or the prediction."""
        truth = np.asarray(self.labels == self.positive)
        if self.probabilities is not None:
            if self.positive not in self.classes:
                known = ", ".join(map(repr, self.classes))
                raise DataError(f"{metric} is about the class {self.positive!r}, the model knows {known}")
            return truth, self.probabilities[:, self.classes.index(self.positive)]
        try:
            return truth, self.values(metric).astype(np.float64)
        except (ValueError, TypeError) as error:
            raise DataError(f"{metric} needs probabilities or numeric scores; the model gives classes") from error

    def chances(self, metric: str) -> tuple[Array, Array]:
        """The place of each label among the classes, and the probabilities of all classes."""
        if self.probabilities is None:
            raise DataError(f"{metric} needs the probabilities of all classes; the model gives none")
        places = {value: place for place, value in enumerate(self.classes)}
        unseen = sorted({str(value) for value in np.unique(self.labels).tolist() if value not in places})
        if unseen:
            raise DataError(f"labels hold classes that the model does not know: {', '.join(unseen[:5])}")
        return np.array([places[value] for value in self.labels.tolist()]), self.probabilities


@dataclass(frozen=True)
class Metric:
    """A performance metric.

    `better` says which way; `takes` what it compares with labels: `values` (predictions), `scores` (of one class) or
    `chances` (of all classes). `task` says what it is for.
    """

    task: Literal["regression", "binary", "classes"]
    better: Literal["higher", "lower"]
    takes: Literal["values", "scores", "chances"]
    measure: Callable[[Outcomes], float]


def _flat(name: str, values: Any) -> Array:
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{name} have the shape {array.shape}, expected one value a row")
    return array


def _chances(array: Array, classes: tuple[Any, ...]) -> Array:
    if array.ndim == 1 and len(classes) == 2:
        array = np.column_stack([1 - array, array])
    if array.ndim != 2 or array.shape[1] != len(classes):
        raise DataError(f"probabilities have the shape {array.shape}, expected one column for each of {classes}")
    if not ((array >= -1e-9) & (array <= 1 + 1e-9)).all():
        raise DataError("probabilities lie outside of 0 to 1, or are missing")
    return array
