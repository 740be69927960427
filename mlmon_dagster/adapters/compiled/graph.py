"""A forest as an ONNX graph of float64 `TreeEnsemble` nodes (ai.onnx.ml 5)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlmon_dagster.adapters.compiled.forest import Forest, Tree

if TYPE_CHECKING:
    import onnx

GROUP_NODES = 128_000
"""Trees are summed in groups of about this many nodes, so that a batch finds a group's nodes in the cache: ten times
quicker loading and two to three times quicker batches of deep forests, for a few microseconds a group on one row."""

INPUT, OUTPUT = "rows", "scores"


def graph_of(forest: Forest, features: int) -> bytes:
    """The graph: float64 `rows` (n, features) -> float64 `scores` (n, outputs). The same forest, the same bytes."""
    from onnx import TensorProto, helper

    nodes: list[Any] = []
    columns = [_summed(trees, f"output{place}", nodes) for place, trees in enumerate(forest.outputs)]
    if len(columns) == 1:
        nodes.append(helper.make_node("Identity", columns, [OUTPUT]))
    else:
        nodes.append(helper.make_node("Concat", columns, [OUTPUT], axis=1))
    graph = helper.make_graph(
        nodes,
        "forest",
        [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, [None, features])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, [None, len(columns)])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 5)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="mlmon_dagster")
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


def _summed(trees: Sequence[Tree], name: str, nodes: list[Any]) -> str:
    """Adds the nodes that sum the trees in their order; the name of the sum."""
    from onnx import helper

    parts = []
    for place, group in enumerate(_groups(trees)):
        parts.append(f"{name}_{place}")
        nodes.append(_ensemble(group, parts[-1]))
    if len(parts) == 1:
        return parts[0]
    nodes.append(helper.make_node("Sum", parts, [name]))
    return name


def _groups(trees: Sequence[Tree]) -> list[list[Tree]]:
    groups: list[list[Tree]] = [[]]
    size = 0
    for tree in trees:
        if groups[-1] and size + tree.nodes > GROUP_NODES:
            groups.append([])
            size = 0
        groups[-1].append(tree)
        size += tree.nodes
    return groups


def _ensemble(trees: Sequence[Tree], output: str) -> "onnx.NodeProto":
    """One `TreeEnsemble` that adds up the trees. A tree of one leaf becomes a split with that leaf on both sides."""
    from onnx import helper

    parts = [_joined(_with_a_split(tree)) for tree in trees]
    inner = np.cumsum([0, *(part["features"].size for part in parts)])
    leaves = np.cumsum([0, *(part["weights"].size for part in parts)])
    node = helper.make_node(
        "TreeEnsemble",
        [INPUT],
        [output],
        domain="ai.onnx.ml",
        name=f"{output}_trees",
        n_targets=1,
        aggregate_function=1,
        post_transform=0,
    )
    _integers(node, "tree_roots", inner[:-1])
    for name in ("features", "missing", "true_leaf", "false_leaf"):
        _integers(node, NAMES[name], np.concatenate([part[name] for part in parts]))
    for side, leaf in (("true", "true_leaf"), ("false", "false_leaf")):
        targets = [
            part[side] + np.where(part[leaf], leaf_offset, inner_offset)
            for part, inner_offset, leaf_offset in zip(parts, inner, leaves, strict=False)
        ]
        _integers(node, NAMES[side], np.concatenate(targets))
    _integers(node, "leaf_targetids", np.zeros(leaves[-1], np.int64))
    _tensor(node, "nodes_splits", np.concatenate([part["thresholds"] for part in parts]))
    _tensor(node, "leaf_weights", np.concatenate([part["weights"] for part in parts]))
    _tensor(node, "nodes_modes", np.zeros(inner[-1], np.uint8))
    return node


NAMES = {
    "features": "nodes_featureids",
    "missing": "nodes_missing_value_tracks_true",
    "true_leaf": "nodes_trueleafs",
    "false_leaf": "nodes_falseleafs",
    "true": "nodes_truenodeids",
    "false": "nodes_falsenodeids",
}


def _joined(tree: Tree) -> dict[str, np.ndarray]:
    """The tree with inner nodes and leaves numbered apart; its root is inner node 0."""
    leaf = tree.left == -1
    number = np.where(leaf, np.cumsum(leaf) - 1, np.cumsum(~leaf) - 1)
    inner = np.flatnonzero(~leaf)
    left, right = tree.left[inner], tree.right[inner]
    return {
        "features": tree.feature[inner],
        "thresholds": tree.threshold[inner].astype(np.float64),
        "missing": tree.missing_left[inner],
        "true": number[left],
        "false": number[right],
        "true_leaf": leaf[left].astype(np.int64),
        "false_leaf": leaf[right].astype(np.int64),
        "weights": tree.value[leaf].astype(np.float64),
    }


def _with_a_split(tree: Tree) -> Tree:
    if tree.left[0] != -1:
        return tree
    zeros = np.zeros(3, np.int64)
    return Tree(
        np.array([1, -1, -1]), np.array([2, -1, -1]), zeros, zeros.astype(float), zeros, np.repeat(tree.value[0], 3)
    )


def _integers(node: "onnx.NodeProto", name: str, values: np.ndarray) -> None:
    import onnx

    attribute = onnx.AttributeProto(name=name, type=onnx.AttributeProto.INTS)
    attribute.ints.extend(values.tolist())
    node.attribute.append(attribute)


def _tensor(node: "onnx.NodeProto", name: str, values: np.ndarray) -> None:
    import onnx
    from onnx import numpy_helper

    attribute = onnx.AttributeProto(name=name, type=onnx.AttributeProto.TENSOR)
    attribute.t.CopyFrom(numpy_helper.from_array(values, name))
    node.attribute.append(attribute)
