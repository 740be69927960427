"""ONNX files as far as admission looks at them, read from protobuf's wire format: no library that could be led astray.

Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

DEEPEST = 8

Field = tuple[int, "int | memoryview"]


@dataclass
class OnnxFacts:
    """What a model asks of its runtime."""

    opsets: dict[str, int] = field(default_factory=dict)
    """Operator domain -> version."""
    operators: set[tuple[str, str]] = field(default_factory=set)
    """(domain, operator) of every node, also of inner graphs."""
    functions: int = 0
    external: bool = False
    """Whether a tensor is kept in another file."""


def read_onnx(content: bytes) -> OnnxFacts:
    """The facts; `ValueError` for bytes that are no ONNX model."""
    facts, graphs = OnnxFacts(), 0
    for number, value in _fields(memoryview(content)):
        if number == 7:
            graphs += 1
            _graph(_bytes(value), facts, 0)
        elif number == 8:
            opset = dict(_fields(_bytes(value)))
            version = opset.get(2, 0)
            facts.opsets[_text(opset.get(1, memoryview(b"")))] = version if isinstance(version, int) else 0
        elif number == 25:
            facts.functions += 1
    if not graphs or not facts.opsets:
        raise ValueError("it has no graph")
    return facts


def _graph(graph: memoryview, facts: OnnxFacts, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("its graphs are nested too deep")
    for number, value in _fields(graph):
        if number == 1:
            _node(_bytes(value), facts, depth)
        elif number in (5, 15):
            facts.external |= _external(_bytes(value), number == 15)


def _node(node: memoryview, facts: OnnxFacts, depth: int) -> None:
    domain, operator = "", ""
    for number, value in _fields(node):
        if number == 7:
            domain = _text(value)
        elif number == 4:
            operator = _text(value)
        elif number == 5:
            for inner, content in _fields(_bytes(value)):
                if inner in (6, 11):
                    _graph(_bytes(content), facts, depth + 1)
                elif inner in (5, 10):
                    facts.external |= _external(_bytes(content), False)
    facts.operators.add((domain, operator))


def _external(tensor: memoryview, sparse: bool) -> bool:
    if sparse:
        return any(_external(_bytes(value), False) for number, value in _fields(tensor) if number in (1, 2))
    return any(number == 13 or (number == 14 and value == 1) for number, value in _fields(tensor))


def _fields(message: memoryview) -> Iterator[Field]:
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        else:
            size = {1: 8, 5: 4}.get(kind, -1)
        if size < 0 or at + size > end:
            raise ValueError("it is cut, or no protobuf message")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("it is cut, or no protobuf message")


def _bytes(value: "int | memoryview") -> memoryview:
    if isinstance(value, int):
        raise ValueError("it is no protobuf message of this kind")
    return value


def _text(value: "int | memoryview") -> str:
    return bytes(_bytes(value)).decode("utf-8", "replace")
