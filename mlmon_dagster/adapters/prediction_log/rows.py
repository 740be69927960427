"""What the log says about a prediction: the header that a segment's rows share, single rows, and blocks of rows."""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mlmon_dagster.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

HEADER, ROWS, BLOCK = b"H", b"R", b"B"
"""The first byte of a payload says which it is."""

FORMAT = 2
"""The format that is written; rows of format 1 make no claims, and are read as well."""

SKEWED_SECONDS = 300.0
"""A client's clock that is off by more is said to be skewed."""

TOGETHER_BYTES = 1 << 20
"""Rows of several requests share a payload, and so a checksum, up to this size."""

BEFORE_FEATURES = 3
"""Numbers of a block's row that come before its features: prediction, mean |z|, largest |z|."""

Claims = tuple[str | None, float | None]
"""Who made the request where it was no caller (`shadow`, `probe`), seconds that the client's clock is behind ours."""

_NOTHING: Claims = (None, None)


class Row(msgspec.Struct, gc=False, array_like=True):
    """A prediction as it is logged."""

    id: str
    """Of the request."""
    moment: int
    """Nanoseconds since 1970, by the server's clock."""
    values: Sequence[Any]
    """Features in the model's order."""
    prediction: Any
    mean: float
    """Mean |z|."""
    largest: float
    """Largest |z|."""
    claims: Claims | None = None


RowTuple = tuple[str, int, Sequence[Any], Any, float, float] | tuple[str, int, Sequence[Any], Any, float, float, Any]
"""The same as a tuple; claims may be missing or `None`."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True)
class SegmentHeader:
    """What all rows of a segment have in common; it is the segment's first payload."""

    model: str
    version: int
    digest: str
    pipeline: str | None
    environment: str | None
    deployment: str | None
    durability: str
    """`process`, `local` or `shared`: what an acknowledged row survives."""
    inputs: tuple[tuple[str, str], ...]
    """Names and kinds of the features, in the order of the rows."""
    sample: float = 1.0
    """Share of the predictions that are logged; below 1 only where that was declared."""

    def encoded(self) -> bytes:
        """As a payload."""
        return HEADER + json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True).encode()

    @classmethod
    def decoded(cls, payload: bytes) -> "SegmentHeader":
        """The header in a payload; `DataError` for something else or for another format."""
        try:
            told: dict[str, Any] = json.loads(payload[1:])
            version = told.pop("format")
            if payload[:1] != HEADER or version not in (1, FORMAT):
                raise DataError(f"the segment has format {version}, this program reads formats 1 and {FORMAT}")
            inputs = tuple((str(name), str(kind)) for name, kind in told.pop("inputs"))
            return cls(**told, inputs=inputs)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"this is not the header of a prediction segment: {error}") from error


def payloads_of(rows: "Sequence[Row | RowTuple]") -> list[bytes]:
    """Rows of several requests as a payload, or as one each where they are large."""
    whole = encode_rows(rows)
    return [whole] if len(whole) <= TOGETHER_BYTES else [encode_rows([row]) for row in rows]


def encode_rows(rows: "Sequence[Row | RowTuple]") -> bytes:
    """Rows as a payload."""
    return ROWS + _encode(rows)


def encode_block(
    request: str,
    moment: int,
    whole: bool,
    predictions: "np.ndarray",
    scores: "np.ndarray",
    features: "np.ndarray",
    claims: Claims | None = None,
) -> bytes:
    """Rows of numbers as a payload; row n has the id `<request>-<n>`.

    `predictions` has shape (n,) and holds integers where `whole`, `scores` (n, 2) mean and largest |z|, `features`
    (n, inputs); all float64, NaN where a feature is missing.
    """
    head = _encode((request, moment, len(predictions), whole, claims))
    block = np.concatenate([predictions[:, None], scores, features], axis=1, dtype=np.float64)
    return b"".join([BLOCK, struct.pack("<I", len(head)), head, block])  # type: ignore[list-item]  # an array is as good as bytes


def table_of(header: SegmentHeader, payloads: Iterable[bytes]) -> "pa.Table":
    """The rows of a segment in the order they were written.

    Columns: `request_id`, `predicted_at` (UTC, the server's clock), `features` (a struct), `prediction`, `drift_score`,
    `drift_max`, `origin` (null for a caller, else `shadow` or `probe`), `skew_seconds` (null where the client told no
    time), `skewed`, and the header's facts.
    """
    import pyarrow as pa

    tables = []
    single: list[RowTuple] = []
    for payload in payloads:
        if payload[:1] == ROWS:
            single += msgspec.json.decode(payload[1:])
        elif payload[:1] == BLOCK:
            tables += [_single(header, single)] if single else []
            single = []
            tables.append(_block(header, payload))
    tables.append(_single(header, single))
    return pa.concat_tables(tables, promote_options="permissive")


def _single(header: SegmentHeader, rows: Sequence[RowTuple]) -> "pa.Table":
    import pyarrow as pa

    plain = [row[:6] for row in rows]
    ids, moments, features, predictions, scores, largest = zip(*plain, strict=True) if rows else ((),) * 6
    claims = [(len(row) > 6 and row[6]) or _NOTHING for row in rows]
    columns = zip(*features, strict=True) if rows else ((),) * len(header.inputs)
    arrays = [_feature(column, kind) for column, (_, kind) in zip(columns, header.inputs, strict=True)]
    prediction = pa.array(predictions) if rows else pa.array([], pa.float64())
    return _assembled(header, pa.array(ids, pa.string()), moments, arrays, prediction, scores, largest, claims)


def _block(header: SegmentHeader, payload: bytes) -> "pa.Table":
    import pyarrow as pa

    length = struct.unpack_from("<I", payload, 1)[0]
    request, moment, rows, whole, *claims = msgspec.json.decode(payload[5 : 5 + length])
    block = np.frombuffer(payload, np.float64, offset=5 + length).reshape(rows, -1)
    arrays = [
        pa.array(block[:, BEFORE_FEATURES + place], from_pandas=True).cast(_type(kind))
        for place, (_, kind) in enumerate(header.inputs)
    ]
    ids = pa.array([f"{request}-{number}" for number in range(rows)], pa.string())
    predictions = pa.array(block[:, 0].astype(np.int64) if whole else block[:, 0])
    said = [(claims and claims[0]) or _NOTHING] * rows
    return _assembled(header, ids, np.full(rows, moment), arrays, predictions, block[:, 1], block[:, 2], said)


def _assembled(
    header: SegmentHeader,
    ids: "pa.Array",
    moments: Any,
    features: "list[pa.Array]",
    predictions: "pa.Array",
    scores: Any,
    largest: Any,
    claims: Sequence[Claims],
) -> "pa.Table":
    import pyarrow as pa

    fields = [pa.field(name, _type(kind)) for name, kind in header.inputs]
    moment = pa.array(np.asarray(moments, dtype=np.int64)).cast(pa.timestamp("ns", "UTC"))
    columns: dict[str, Any] = {
        "request_id": ids,
        "predicted_at": moment,
        "features": pa.StructArray.from_arrays(features, fields=fields),
        "prediction": predictions,
        "drift_score": pa.array(scores, pa.float64()),
        "drift_max": pa.array(largest, pa.float64()),
        "origin": pa.array([origin for origin, _ in claims], pa.string()),
        "skew_seconds": pa.array([skew for _, skew in claims], pa.float64()),
        "skewed": pa.array([skew is not None and abs(skew) > SKEWED_SECONDS for _, skew in claims], pa.bool_()),
    }
    for name, (value, kind) in _shared(header).items():
        columns[name] = pa.repeat(pa.scalar(value, kind), len(ids))
    return pa.table(columns)


def _shared(header: SegmentHeader) -> Mapping[str, tuple[Any, "pa.DataType"]]:
    import pyarrow as pa

    return {
        "model": (header.model, pa.string()),
        "model_version": (header.version, pa.int64()),
        "digest": (header.digest, pa.string()),
        "environment": (header.environment, pa.string()),
        "deployment": (header.deployment, pa.string()),
        "durability": (header.durability, pa.string()),
        "sample": (header.sample, pa.float64()),
    }


def _feature(values: Sequence[Any], kind: str) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "timestamp":
        text = pa.array([value and value.replace("Z", "+00:00") for value in values], pa.string())
        return pc.cast(text, pa.timestamp("us", "UTC"))
    if kind == "integer":
        values = [None if value is None else int(value) for value in values]
    return pa.array(values, _type(kind))


def _type(kind: str) -> "pa.DataType":
    import pyarrow as pa

    kinds = {
        "float": pa.float64(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "string": pa.string(),
        "timestamp": pa.timestamp("us", "UTC"),
    }
    return kinds[kind]
