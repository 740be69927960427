"""Computing predictions of numbers: one row or many, always to the same bit."""

from collections.abc import Callable, Sequence
from operator import mul
from typing import Any, Protocol

import numpy as np

from mlmon_dagster.adapters.compiled.form import Form
from mlmon_dagster.adapters.compiled.graph import INPUT, OUTPUT
from mlmon_dagster.adapters.compiled.order import Order
from mlmon_dagster.errors import DataError

ORDERED_ROWS = 256
"""Rows from which a batch is put in order."""


class RowModel(Protocol):
    """A model of numbers. NaN is a missing value. `ValueError` for values that the model does not take."""

    def row(self, values: Sequence[float]) -> Any:
        """The prediction of one row of numbers up to 2**53: a number, a class, or true or false."""
        ...

    def rows(self, matrix: np.ndarray) -> np.ndarray:
        """The predictions of float64 rows (n, inputs): shape (n,)."""
        ...


class CompiledModel:
    """A compiled form. Not for two threads at once: one row goes through a buffer of its own."""

    def __init__(self, form: Form, features: int, graph: bytes | None = None) -> None:
        self._form = form
        self._steps = form.steps
        self._outcome = form.outcome
        self._complete = not form.missing
        self._single = len(form.weights) == 1
        self._plain = form.kind == "linear" and self._single and not form.steps and self._outcome.only_adds
        self._base = self._outcome.base[0] if self._outcome.base else 0.0
        if form.kind == "linear":
            self._weights = np.array(form.weights)
            self._score_row: Callable[[Sequence[float]], Any] = self._linear_row
            self._score_rows: Callable[[np.ndarray], np.ndarray] = self._linear_rows
        else:
            if graph is None:
                raise DataError("the compiled form has no graph", hint="register the model again")
            trees = _Trees(graph, features, Order(form.splits) if form.splits else None)
            self._single = trees.outputs == 1
            self._score_row, self._score_rows = trees.row, trees.rows

    def row(self, values: Sequence[float]) -> Any:
        if self._complete and (total := sum(values)) != total:
            raise ValueError("the model takes no missing values")
        if self._plain:
            return self._score_row(values) + self._base
        for step in self._steps:
            values = step.row(values)
        scores = self._score_row(values)
        if self._single:
            return self._outcome.of_score(scores)
        return self._outcome.of_scores(np.array([scores]))[0].item()

    def rows(self, matrix: np.ndarray) -> np.ndarray:
        largest = self._form.largest
        if not self._form.missing and np.isnan(matrix).any():
            raise ValueError("the model takes no missing values")
        if largest is not None and (np.abs(matrix) > largest).any():
            raise ValueError(f"the model takes no number beyond {largest:.4g}")
        for step in self._steps:
            matrix = step.rows(matrix)
        return self._outcome.of_scores(self._score_rows(matrix))

    def _linear_row(self, values: Sequence[float]) -> Any:
        if self._single:
            total = 0.0
            for product in map(mul, self._form.weights[0], values):
                total += product
            return total
        return self._linear_rows(np.array([values]))[0]

    def _linear_rows(self, matrix: np.ndarray) -> np.ndarray:
        """Column after column, as one row is summed: a matrix product would round otherwise."""
        scores = np.zeros((len(matrix), len(self._weights)))
        for place in range(matrix.shape[1]):
            scores += matrix[:, place, None] * self._weights[:, place]
        return scores


class _Trees:
    """An ONNX session on one thread: more would spin and wait for each other on a server's small requests."""

    def __init__(self, graph: bytes, features: int, order: Order | None) -> None:
        import onnxruntime

        self._order = order

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors have no common base
            raise DataError(f"the compiled trees cannot be loaded: {error}", hint="register the model again") from error
        self.outputs = int(self._session.get_outputs()[0].shape[1])
        self._row = np.zeros((1, features))
        self._scores = np.zeros((1, self.outputs))
        self._binding = self._session.io_binding()
        self._binding.bind_input(INPUT, "cpu", 0, np.float64, [1, features], self._row.ctypes.data)
        self._binding.bind_output(OUTPUT, "cpu", 0, np.float64, [1, self.outputs], self._scores.ctypes.data)

    def row(self, values: Sequence[float]) -> Any:
        self._row[0] = values
        self._session.run_with_iobinding(self._binding)
        return self._scores.item() if self.outputs == 1 else self._scores[0].copy()

    def rows(self, matrix: np.ndarray) -> np.ndarray:
        if not len(matrix):
            return np.zeros((0, self.outputs))
        matrix = np.ascontiguousarray(matrix, np.float64)
        if self._order is None or len(matrix) < ORDERED_ROWS:
            return self._scored(matrix)
        order = self._order.of(matrix)
        found = np.empty((len(matrix), self.outputs))
        found[order] = self._scored(matrix[order])
        return found

    def _scored(self, matrix: np.ndarray) -> np.ndarray:
        found: np.ndarray = self._session.run([OUTPUT], {INPUT: matrix})[0]
        return found


class ArrayModel:
    """A scikit-learn model that is called with a numpy array, as it is."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def row(self, values: Sequence[float]) -> Any:
        return self.rows(np.array([values], dtype=np.float64))[0].item()

    def rows(self, matrix: np.ndarray) -> np.ndarray:
        import warnings

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            found = np.asarray(self.model.predict(matrix))
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
