"""Tree ensembles of scikit-learn as plain arrays, with every rule that their own prediction follows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmon_dagster.adapters.compiled.outcome import Outcome

LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
MOST_CLASSES = 12
"""Every class has trees of its own in the compiled form; with more, the model is served as it is."""


class UnsupportedError(Exception):
    """The model cannot be compiled; the message says why, and it is served as it is."""


@dataclass(frozen=True)
class Tree:
    """One tree with one output: node n is a leaf where `left` is -1; else `x[feature] <= threshold` goes left."""

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray

    @property
    def nodes(self) -> int:
        """Inner nodes."""
        return int((self.left != -1).sum())


@dataclass(frozen=True)
class Forest:
    """Sums of trees: raw score k is the sum of the values of `outputs[k]`'s trees; `outcome` says what comes of it."""

    outputs: tuple[tuple[Tree, ...], ...]
    outcome: Outcome
    largest: float
    """The model takes no larger number."""


def forest_of(model: Any) -> Forest:
    """The forest in a fitted scikit-learn model; `UnsupportedError` for anything that is not understood fully."""
    if not is_forest(model):
        raise UnsupportedError(f"{type(model).__name__} is not made of trees")
    return READERS[type(model).__name__](model)


def is_forest(model: Any) -> bool:
    """Whether it is one of scikit-learn's own ensembles of trees, or a tree."""
    return type(model).__name__ in READERS and type(model).__module__.startswith("sklearn.")


def _averaged(model: Any) -> Forest:
    if getattr(model, "n_outputs_", 1) != 1:
        raise UnsupportedError("it has several outputs")
    trees = _estimators(model)
    outputs = (tuple(_tree(one.tree_, one.tree_.value[:, 0, 0]) for one in trees),)
    return Forest(outputs, Outcome(divide=float(len(trees))), LARGEST_FLOAT32)


def _voting(model: Any) -> Forest:
    if getattr(model, "n_outputs_", 1) != 1:
        raise UnsupportedError("it has several outputs")
    classes = _classes(model)
    outputs = tuple(
        tuple(_tree(one.tree_, one.tree_.value[:, 0, place]) for one in _estimators(model))
        for place in range(len(classes))
    )
    return Forest(outputs, Outcome(classes=classes), LARGEST_FLOAT32)


def _boosted(model: Any) -> Forest:
    dummy = type(model.init_).__name__ if model.init_ != "zero" else "zero"
    if dummy not in ("zero", "DummyRegressor", "DummyClassifier"):
        raise UnsupportedError(f"it begins with the predictions of a {dummy}")
    stages = model.estimators_
    base = np.ravel(model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32)))
    outputs = tuple(
        tuple(_tree(one.tree_, model.learning_rate * one.tree_.value[:, 0, 0]) for one in stages[:, place])
        for place in range(stages.shape[1])
    )
    classes = _classes(model) if hasattr(model, "classes_") else ()
    return Forest(outputs, Outcome(tuple(map(float, base)), classes=classes, at_zero=True), LARGEST_FLOAT32)


def _histogram_boosted(model: Any) -> Forest:
    if getattr(model, "is_categorical_", None) is not None:
        raise UnsupportedError("it splits on categories")
    link = type(model._loss.link).__name__
    classes = _classes(model) if hasattr(model, "classes_") else ()
    if not classes and link not in ("IdentityLink", "LogLink"):
        raise UnsupportedError(f"its predictions go through {link}")
    rounds = model._predictors
    outputs = tuple(
        tuple(_histogram_tree(one[place].nodes) for one in rounds) for place in range(len(rounds[0]) if rounds else 1)
    )
    base = tuple(map(float, np.ravel(model._baseline_prediction)))
    return Forest(outputs, Outcome(base, classes=classes, exponential=not classes and link == "LogLink"), np.inf)


def _estimators(model: Any) -> list[Any]:
    return list(getattr(model, "estimators_", [model]))


def _classes(model: Any) -> tuple[Any, ...]:
    classes = model.classes_
    if len(classes) > MOST_CLASSES:
        raise UnsupportedError(f"it has {len(classes)} classes")
    if classes.dtype.kind not in "iufbUO" or not all(isinstance(one, str | int | float) for one in classes.tolist()):
        raise UnsupportedError("its classes are neither numbers nor text")
    return tuple(classes.tolist())


def _tree(tree: Any, value: np.ndarray) -> Tree:
    """scikit-learn casts features to float32 before it compares them; the thresholds here give the same answers
    for float64.
    """
    missing = np.asarray(getattr(tree, "missing_go_to_left", np.zeros(tree.node_count)), np.int64)
    threshold = float64_thresholds(tree.threshold)
    return Tree(tree.children_left, tree.children_right, tree.feature, threshold, missing, np.asarray(value))


def _histogram_tree(nodes: np.ndarray) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    if nodes["is_categorical"].any():
        raise UnsupportedError("it splits on categories")
    return Tree(
        np.where(leaf, -1, nodes["left"].astype(np.int64)),
        np.where(leaf, -1, nodes["right"].astype(np.int64)),
        nodes["feature_idx"].astype(np.int64),
        nodes["num_threshold"].astype(np.float64),
        nodes["missing_go_to_left"].astype(np.int64),
        nodes["value"].astype(np.float64),
    )


def float64_thresholds(thresholds: np.ndarray) -> np.ndarray:
    """For each t the largest float64 u such that `float32(x) <= t` exactly when `x <= u`.

    Rounding to float32 goes to the nearest, halfway to the even one, so the border is the middle between the largest
    float32 up to t and the next one; the middle itself belongs to the even neighbour.

    >>> t = np.array([0.1])
    >>> u = float64_thresholds(t)
    >>> bool(np.float32(u[0]) <= t[0]), bool(np.float32(np.nextafter(u[0], 1)) <= t[0])
    (True, False)
    """
    below = thresholds.astype(np.float32)
    below = np.where(below.astype(np.float64) > thresholds, np.nextafter(below, np.float32(-np.inf)), below)
    above = np.nextafter(below, np.float32(np.inf))
    middle = (below.astype(np.float64) + above.astype(np.float64)) / 2
    even = below.view(np.uint32) % 2 == 0
    return np.where(even, middle, np.nextafter(middle, -np.inf))


READERS: Mapping[str, Callable[[Any], Forest]] = {
    "RandomForestRegressor": _averaged,
    "ExtraTreesRegressor": _averaged,
    "DecisionTreeRegressor": _averaged,
    "ExtraTreeRegressor": _averaged,
    "RandomForestClassifier": _voting,
    "ExtraTreesClassifier": _voting,
    "DecisionTreeClassifier": _voting,
    "ExtraTreeClassifier": _voting,
    "GradientBoostingRegressor": _boosted,
    "GradientBoostingClassifier": _boosted,
    "HistGradientBoostingRegressor": _histogram_boosted,
    "HistGradientBoostingClassifier": _histogram_boosted,
}


def total_nodes(outputs: Sequence[Sequence[Tree]]) -> int:
    """Inner nodes of all trees."""
    return sum(tree.nodes for trees in outputs for tree in trees)
