"""Trees in a model that was loaded: their nodes must lead to nodes, because scikit-learn follows them unchecked."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlmon_dagster.adapters.admission.findings import Finding

DEEPEST = 12


def examine_trees(model: Any, file: str) -> Iterator[Finding]:
    """Children that are no later node of the same tree, and features that are not there: reading them would be
    reading memory that is not the model's.
    """
    for tree, features in _trees(model, 0, None, set()):
        if not _sound(tree, features):
            yield Finding("CORRUPT", file, "a tree in it has nodes that lead outside")
            return


def _sound(tree: Any, features: int | None) -> bool:
    if type(tree).__name__ == "TreePredictor":
        nodes = tree.nodes
        leaf = nodes["is_leaf"].astype(bool)
        left, right, feature = (nodes[name][~leaf].astype(np.int64) for name in ("left", "right", "feature_idx"))
        places, count = np.flatnonzero(~leaf), len(nodes)
    else:
        left, right, feature = tree.children_left, tree.children_right, tree.feature
        inner = left != -1
        places, count = np.flatnonzero(inner), tree.node_count
        if (right[~inner] != -1).any():
            return False
        left, right, feature = left[inner], right[inner], feature[inner]
        features = tree.n_features
    limit = features if features is not None else np.iinfo(np.int64).max
    inside = (left > places) & (left < count) & (right > places) & (right < count)
    return bool(count and (inside & (feature >= 0) & (feature < limit)).all())


def _trees(value: Any, depth: int, features: int | None, seen: set[int]) -> Iterator[tuple[Any, int | None]]:
    if depth > DEEPEST or id(value) in seen or isinstance(value, str | bytes | int | float | type(None)):
        return
    seen.add(id(value))
    if type(value).__name__ in ("Tree", "TreePredictor"):
        yield value, features
    elif isinstance(value, dict):
        for one in value.values():
            yield from _trees(one, depth + 1, features, seen)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _trees(one, depth + 1, features, seen)
    elif isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            for one in value.ravel().tolist():
                yield from _trees(one, depth + 1, features, seen)
    elif hasattr(value, "__dict__"):
        own = getattr(value, "n_features_in_", features)
        for name, one in vars(value).items():
            del name
            yield from _trees(one, depth + 1, own if isinstance(own, int) else features, seen)
        if hasattr(type(value), "tree_") or "tree_" in vars(value):
            yield from _trees(getattr(value, "tree_", None), depth + 1, features, seen)
