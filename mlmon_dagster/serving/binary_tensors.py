"""Tensors as bytes behind the JSON of a request or an answer: the Open Inference Protocol's binary data extension."""

from collections.abc import Sequence
from math import prod

import numpy as np

from mlmon_dagster.serving.decoding import Tensor
from mlmon_dagster.serving.problems import ProblemError

OCTETS = b"application/octet-stream"
JSON_LENGTH = b"inference-header-content-length"
"""The header that says where the JSON ends and the bytes begin."""

DTYPES = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BOOL": "?",
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
}
"""Datatype -> its little-endian form, as numpy names it."""


def parted(body: bytes, length: bytes) -> tuple[bytes, memoryview]:
    """(JSON, the bytes behind it) of a body whose JSON has that many bytes; `ProblemError` 400 for another number."""
    if not length.isdigit() or len(length) > 12 or int(length) > len(body):
        raise ProblemError(400, f"{JSON_LENGTH.decode()} is the length of the JSON that the body begins with")
    return body[: int(length)], memoryview(body)[int(length) :]


def read_tensors(tensors: Sequence[Tensor], content: memoryview) -> "list[np.ndarray | None]":
    """The flat values of each tensor that came as bytes, `None` for those with JSON data.

    `ProblemError` 422 where sizes do not fit.
    """
    found: list[np.ndarray | None] = []
    at = 0
    for one in tensors:
        size = one.parameters.binary_data_size if one.parameters else None
        if size is None:
            found.append(None)
            continue
        dtype = DTYPES.get(one.datatype)
        if dtype is None:
            raise ProblemError(422, f"input {one.name}: values of {one.datatype} are taken as JSON data only")
        count = prod(one.shape) if min(one.shape, default=1) >= 0 else -1
        if size != count * np.dtype(dtype).itemsize:
            raise ProblemError(422, f"input {one.name}: shape {one.shape} of {one.datatype} has not {size} bytes")
        if at + size > len(content):
            raise ProblemError(422, f"input {one.name}: the body ends before its {size} bytes do")
        found.append(np.frombuffer(content, dtype, count, at))
        at += size
    if at < len(content):
        raise ProblemError(422, f"{len(content) - at} bytes of the body belong to no input")
    return found


def written(datatype: str, values: np.ndarray) -> bytes | None:
    """The values as bytes, or `None` for a datatype that goes as JSON data."""
    dtype = DTYPES.get(datatype)
    return None if dtype is None else values.astype(dtype, copy=False).tobytes()
