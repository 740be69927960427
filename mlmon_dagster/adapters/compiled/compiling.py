"""Compiling a model when it is registered, and the proof that the compiled form is equal to the model."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlmon_dagster.adapters.compiled.forest import Forest, UnsupportedError, forest_of, is_forest, total_nodes
from mlmon_dagster.adapters.compiled.form import Form
from mlmon_dagster.adapters.compiled.graph import graph_of
from mlmon_dagster.adapters.compiled.linear import linear_of
from mlmon_dagster.adapters.compiled.order import TREES, Splits
from mlmon_dagster.adapters.compiled.runtime import ArrayModel, CompiledModel
from mlmon_dagster.adapters.compiled.steps import steps_of

TOLERANCE = 1e-12
"""Largest difference between a compiled prediction and the model's own, relative to the larger of the prediction and
the mean size of predictions."""

SAMPLE_ROWS = 10_000
THRESHOLDS = 1_000
MOST_NODES = 8_000_000
"""Inner nodes beyond which compiled trees would take gigabytes."""

ORDERED_NODES = 1_000
"""Inner nodes from which a batch in order is computed more quickly than it is put in order."""

Predict = Callable[[np.ndarray], np.ndarray]


def compile_model(model: Any, predict: Predict, reference: np.ndarray | None) -> tuple[Form, bytes | None]:
    """(form, graph of trees if any) for a fitted model; whatever is not proven equal is served as it is.

    `predict` is the model's own prediction for float64 rows, as it was trained; `reference` are rows of the reference
    (n, inputs), or `None` where an input is no number.
    """
    if reference is None:
        return Form("frame", "an input is text or a moment"), None
    rows = _sample(reference)
    try:
        form, graph, thresholds = _compiled(model, rows.shape[1])
        form = _proven(form, graph, predict, rows, thresholds)
        return form, graph
    except UnsupportedError as error:
        return _as_it_is(model, predict, rows, str(error)), None


def _compiled(model: Any, features: int) -> tuple[Form, bytes | None, Sequence[tuple[int, float]]]:
    steps, last = steps_of(model)
    if not is_forest(last):
        weights, outcome = linear_of(last)
        form = Form("linear", steps=steps, weights=tuple(map(tuple, weights.tolist())), outcome=outcome)
        return form, None, ()
    forest = forest_of(last)
    if total_nodes(forest.outputs) > MOST_NODES:
        raise UnsupportedError(f"its trees have {total_nodes(forest.outputs)} nodes")
    largest = forest.largest if np.isfinite(forest.largest) else None
    thresholds = () if steps else _thresholds(forest)
    form = Form("trees", steps=steps, outcome=forest.outcome, largest=largest, splits=_splits(forest))
    return form, graph_of(forest, features), thresholds


def _splits(forest: Forest) -> tuple[Splits, ...]:
    if total_nodes(forest.outputs) < ORDERED_NODES:
        return ()
    return tuple(map(Splits.of, forest.outputs[0][:TREES]))


def _proven(
    form: Form, graph: bytes | None, predict: Predict, rows: np.ndarray, thresholds: Sequence[tuple[int, float]]
) -> Form:
    """The form with what it was compared on; `UnsupportedError` when a prediction differs."""
    from dataclasses import replace

    compiled = CompiledModel(form, rows.shape[1], graph)
    tried = [rows, _at_thresholds(rows, thresholds)]
    missing = _with_missing(rows)
    try:
        predict(missing)
        tried.append(missing)
        takes_missing = True
    except ValueError:
        takes_missing = False
    whole = np.concatenate(tried)
    expected, found = predict(whole), compiled.rows(whole)
    difference = difference_of(expected, found)
    if not difference <= TOLERANCE:
        raise UnsupportedError(f"its compiled form differs by {difference:.1e}")
    single = [compiled.row(values) for values in whole[:: max(1, len(whole) // 100)].tolist()]
    if single != found[:: max(1, len(whole) // 100)].tolist():
        raise UnsupportedError("its compiled form gives one row another prediction than many")
    return replace(form, missing=takes_missing, rows=len(whole), tolerance=TOLERANCE)


def difference_of(expected: np.ndarray, found: np.ndarray) -> float:
    """The largest relative difference; infinite where classes, or what is finite, differ."""
    if expected.shape != found.shape:
        return float("inf")
    if expected.dtype.kind not in "fiu" or found.dtype.kind not in "fiu":
        return 0.0 if bool((expected == found).all()) else float("inf")
    scale = np.maximum(np.abs(expected), np.mean(np.abs(expected)) or 1.0)
    differences = np.abs(expected.astype(float) - found) / scale
    return float("inf") if np.isnan(differences).any() else float(differences.max(initial=0.0))


def _as_it_is(model: Any, predict: Predict, rows: np.ndarray, reason: str) -> Form:
    try:
        found = ArrayModel(model).rows(rows)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return Form("frame", reason)
    equal = difference_of(predict(rows), found) == 0.0
    return Form("array" if equal else "frame", reason, rows=len(rows))


def _sample(reference: np.ndarray) -> np.ndarray:
    chosen = np.linspace(0, len(reference) - 1, min(SAMPLE_ROWS, len(reference))).astype(int)
    return np.asarray(reference[chosen])


def _thresholds(forest: Forest) -> list[tuple[int, float]]:
    pairs = {
        (int(feature), float(threshold))
        for trees in forest.outputs
        for tree in trees[:: max(1, len(trees) // 20)]
        for feature, threshold, left in zip(tree.feature, tree.threshold, tree.left, strict=True)
        if left != -1 and abs(threshold) < forest.largest
    }
    ordered = sorted(pairs)
    return ordered[:: max(1, len(ordered) // THRESHOLDS)]


def _at_thresholds(rows: np.ndarray, thresholds: Sequence[tuple[int, float]]) -> np.ndarray:
    """Rows with a value exactly at a threshold, and the nearest below and above it."""
    made = []
    for place, (feature, threshold) in enumerate(thresholds):
        for value in (np.nextafter(threshold, -np.inf), threshold, np.nextafter(threshold, np.inf)):
            row = rows[place % len(rows)].copy()
            row[feature] = value
            made.append(row)
    return np.array(made).reshape(-1, rows.shape[1])


def _with_missing(rows: np.ndarray) -> np.ndarray:
    """Rows that lack one feature each, all but one, and everything."""
    features = rows.shape[1]
    chosen = rows[np.linspace(0, len(rows) - 1, min(100, len(rows))).astype(int)]
    made = []
    for place in range(features):
        lacks, has = chosen.copy(), np.full_like(chosen, np.nan)
        lacks[:, place] = np.nan
        has[:, place] = chosen[:, place]
        made += [lacks, has]
    return np.concatenate([*made, np.full((1, features), np.nan)])
