"""Decoders made from the model's inputs: what fits them exactly is read in microseconds.

They accept a part of what the careful reader in `records` accepts and refuse the rest without a reason: then the
careful reader takes the request, and says what is wrong with it.
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from math import prod
from typing import Annotated, Any

import msgspec
import numpy as np

from mlmon_dagster.adapters.mlflow.signature import ModelInput

EXACT = 2**53 - 1
"""Up to here a float64 holds every whole number and no other rounds to it; larger ones need a closer look."""

_TYPES: dict[str, Any] = {
    "float": Annotated[float, msgspec.Meta(ge=-EXACT, le=EXACT)],
    "integer": Annotated[int, msgspec.Meta(ge=-EXACT, le=EXACT)],
    "boolean": bool,
    "string": str,
}


UNREADABLE = (msgspec.MsgspecError, RecursionError)


class Parameters(msgspec.Struct):
    """What a request says of bytes: of an input's, or whether an output, or every one, is wanted as such."""

    binary_data_size: int | None = None
    binary_data: bool = False
    binary_data_output: bool = False


class Tensor(msgspec.Struct):
    """A tensor of the Open Inference Protocol; `data` is flat, or nested as `shape` says."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] = []
    parameters: Parameters | None = None


class NumberTensor(msgspec.Struct):
    """A tensor of numbers with flat data."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class InferOutput(msgspec.Struct):
    """An output that an inference request names."""

    name: str
    parameters: Parameters | None = None


class InferRequest(msgspec.Struct):
    """An inference request of the Open Inference Protocol."""

    inputs: list[Tensor]
    id: str | None = None
    outputs: list[InferOutput] | None = None
    parameters: Parameters | None = None


class NumberInferRequest(msgspec.Struct):
    """The same with flat numbers only."""

    inputs: list[NumberTensor]
    id: str | None = None
    outputs: list[InferOutput] | None = None
    parameters: Parameters | None = None


class Decoders:
    """For the inputs of one model. Each method gives `None` for what the careful reader must look at."""

    def __init__(self, inputs: Sequence[ModelInput]) -> None:
        self.names = [column.name for column in inputs]
        self.numeric = all(column.kind in ("float", "integer", "boolean") for column in inputs)
        self.nullable = any(column.nullable for column in inputs)
        self._integers = [place for place, column in enumerate(inputs) if column.kind == "integer"]
        self._booleans = [place for place, column in enumerate(inputs) if column.kind == "boolean"]
        self._quotes = 2 * len(inputs)
        plain = all(column.kind in _TYPES for column in inputs)
        places = {f"f{place}": column for place, column in enumerate(inputs)}
        record = msgspec.defstruct(
            "Record",
            [_field(place, column) for place, column in places.items()],
            rename={place: column.name for place, column in places.items()},
            forbid_unknown_fields=True,
            kw_only=True,
        )
        self._record = msgspec.json.Decoder(record).decode if plain else None
        self._records = msgspec.json.Decoder(list[record]).decode if plain else None  # type: ignore[valid-type]
        rows: Any = tuple[tuple(_type(column, for_matrix=True) for column in inputs)]  # type: ignore[misc]
        split = msgspec.defstruct("Split", [("columns", list[str]), ("data", list[rows])])
        invocation: Any = msgspec.defstruct("Invocation", [("dataframe_split", split)])
        self._split = msgspec.json.Decoder(invocation).decode
        self._infer = msgspec.json.Decoder(NumberInferRequest).decode

    def record(self, body: bytes) -> Any | None:
        """A record with the model's features: a struct that encodes as it came, in the model's order."""
        if self._record is None or body.count(b'"') != self._quotes:
            return None  # with strings there are more quotes, with a key that comes twice, too
        try:
            return self._record(body)
        except UNREADABLE:
            return None

    def records(self, body: bytes) -> "list[Any] | None":
        """Records of numbers."""
        if self._records is None or not self.numeric:
            return None
        try:
            found = self._records(body)
        except UNREADABLE:
            return None
        return found if found and body.count(b'"') == self._quotes * len(found) else None

    def split(self, body: bytes) -> "list[tuple[Any, ...]] | None":
        """The rows of MLflow's `dataframe_split`, whose columns are the model's, in its order."""
        if not self.numeric or body.count(b'"') != self._quotes + 6:
            return None
        try:
            found = self._split(body).dataframe_split
        except UNREADABLE:
            return None
        return found.data if found.data and found.columns == self.names else None

    def infer(self, body: bytes) -> "tuple[NumberInferRequest, np.ndarray] | None":
        """An inference request of numbers: one tensor (n, features), or one for each feature, (n,) or (n, 1)."""
        if not self.numeric:
            return None
        try:
            request = self._infer(body)
        except UNREADABLE:
            return None
        if any(prod(one.shape) != len(one.data) or one.datatype == "BOOL" for one in request.inputs):
            return None
        values = [_array(one.data, len(one.data)) for one in request.inputs]
        matrix = self.matrix_of(request.inputs, values)
        return None if matrix is None else (request, matrix)

    def matrix_of(
        self, tensors: "Sequence[Tensor | NumberTensor]", values: Sequence[np.ndarray]
    ) -> "np.ndarray | None":
        """Flat tensors of numbers as float64 rows, NaN where a value is missing."""
        width = len(self.names)
        if len(tensors) == 1 and len(tensors[0].shape) == 2 and tensors[0].shape[1] == width:
            matrix = values[0].astype(np.float64, copy=False).reshape(-1, width)
            return matrix if self.fits(matrix) else None
        found = {one.name: flat for one, flat in zip(tensors, values, strict=True)}
        if sorted(found) != sorted(self.names) or len(tensors) != width or len(set(map(len, values))) != 1:
            return None
        if any(one.shape[1:] not in ([], [1]) for one in tensors):
            return None
        matrix = np.empty((len(values[0]), width))
        for place, name in enumerate(self.names):
            matrix[:, place] = found[name]
        return matrix if self.fits(matrix) else None

    def matrix(self, rows: Sequence[Sequence[Any]]) -> "np.ndarray | None":
        """Rows of numbers as float64, NaN where a value is missing."""
        try:
            flat = _array(chain.from_iterable(rows), len(rows) * len(self.names))
        except struct.error:  # a value is missing
            flat = np.array(list(chain.from_iterable(rows)), dtype=np.float64)
        matrix = flat.reshape(len(rows), len(self.names))
        return matrix if self.fits(matrix) else None

    def fits(self, matrix: np.ndarray) -> bool:
        """Whether integers are whole, true is 1 and false 0, and no number is so large that it needs a closer look."""
        if not len(matrix):
            return False
        if not (np.abs(matrix) <= EXACT).all():  # neither is NaN
            missing = np.isnan(matrix)
            if not self.nullable or not (np.abs(matrix[~missing]) <= EXACT).all():
                return False
        whole = matrix[:, self._integers]
        truth = matrix[:, self._booleans]
        return bool(
            (np.isnan(whole) | (whole == np.floor(whole))).all()
            and (np.isnan(truth) | (truth == 0) | (truth == 1)).all()
        )


def _array(values: Iterable[float], count: int) -> np.ndarray:
    """So many numbers as float64; `struct` takes them out of their objects in half of numpy's time."""
    return np.frombuffer(struct.pack(f"{count}d", *values), np.float64)


def _field(place: str, column: ModelInput) -> "tuple[str, Any] | tuple[str, Any, Any]":
    return (place, _type(column), None) if column.nullable else (place, _type(column))


def _type(column: ModelInput, *, for_matrix: bool = False) -> Any:
    kind = _TYPES["float"] if for_matrix and column.kind == "integer" else _TYPES.get(column.kind, str)
    return kind | None if column.nullable else kind
