"""The Open Inference Protocol, version 2, over HTTP: metadata, health and inference of the one model."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
import numpy as np

from mlmon_dagster.serving.binary_tensors import JSON_LENGTH, OCTETS, parted, read_tensors, written
from mlmon_dagster.serving.body import parse_json, require_kind
from mlmon_dagster.serving.decoding import Decoders, InferOutput, InferRequest, NumberInferRequest, Parameters, Tensor
from mlmon_dagster.serving.messages import JSON, Answer, Reply, Request, identified
from mlmon_dagster.serving.predictions import ScoredBatch, unlogged
from mlmon_dagster.serving.predictor import Predictor
from mlmon_dagster.serving.problems import ProblemError
from mlmon_dagster.serving.records import read_record

DATATYPES = {"float": "FP64", "integer": "INT64", "boolean": "BOOL", "string": "BYTES", "timestamp": "BYTES"}
OUTPUTS = ("predict", "drift_score", "drift_max")
"""`predict` is always given, the scores where a request names them."""
NOTHING = Parameters()

Asked = InferRequest | NumberInferRequest

_encode = msgspec.json.Encoder().encode


class InferenceProtocol:
    """`/v2`, `/v2/health/...`, `/v2/models/<name>[/versions/<n>][/ready|/infer]`."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._inputs = predictor.model.inputs
        self._decoders = Decoders(self._inputs)
        served = predictor.served
        self._model = (f"/v2/models/{served.model}/versions/{served.version}", f"/v2/models/{served.model}")

    @property
    def path(self) -> str:
        """Where the version is described."""
        return self._model[0]

    def resource(self, path: str) -> str | None:
        """What the path names: `server`, `live`, `ready`, `model`, `model-ready`, `infer`; `None` for nothing here."""
        fixed = {"/v2": "server", "/v2/health/live": "live", "/v2/health/ready": "ready"}
        if path in fixed:
            return fixed[path]
        for model in self._model:
            if path.startswith(model):
                return {"": "model", "/ready": "model-ready", "/infer": "infer"}.get(path[len(model) :])
        return None

    def described(self, resource: str) -> Answer:
        """Metadata of the server or the model."""
        served = self._predictor.served
        if resource == "server":
            from mlmon_dagster import __version__

            return Answer(_encode({"name": "mlmon", "version": __version__, "extensions": ["binary_tensor_data"]}))
        inputs = [
            {"name": column.name, "datatype": DATATYPES[column.kind], "shape": [-1, 1]} for column in self._inputs
        ]
        outputs = [{"name": name, "datatype": "FP64", "shape": [-1]} for name in OUTPUTS]
        body = {
            "name": served.model,
            "versions": [str(served.version)],
            "platform": f"mlmon_{self._predictor.model.form.kind}",
            "inputs": inputs,
            "outputs": outputs,
        }
        return Answer(_encode(body))

    async def infer(self, request: Request, id_: str, reply: Reply) -> Answer:
        """Inference on tensors: one (n, features), or one for each feature, (n,) or (n, 1)."""
        asked, matrix = self._read(request)
        if matrix is not None:
            batch, logged = await self._predictor.predict_rows(request, id_, matrix)
            return self._answer(asked, batch, id_, logged)
        careful = cast(InferRequest, asked)
        records = [list(read_record(one, self._inputs, f"row {n}: ").values()) for n, one in self._rows(careful.inputs)]
        if self._predictor.model.rows is not None:
            numbers = np.array([[np.nan if one is None else one for one in row] for row in records], np.float64)
            batch, logged = await self._predictor.predict_rows(request, id_, numbers)
        else:
            found, logged = await self._predictor.predict_records(request, id_, records)
            batch = ScoredBatch.of(found)
        return self._answer(careful, batch, id_, logged)

    def _read(self, request: Request) -> "tuple[Asked, np.ndarray | None]":
        """The request, and its numbers where they fit at once."""
        length = request.headers.get(JSON_LENGTH)
        if length is None:
            require_kind(request, JSON)
            return self._decoders.infer(request.body) or (_convert(parse_json(request.body)), None)
        require_kind(request, JSON, OCTETS)
        head, content = parted(request.body, length)
        asked = _convert(parse_json(head))
        values = read_tensors(asked.inputs, content)
        arrays = [one for one in values if one is not None]
        if len(arrays) == len(values):
            matrix = self._decoders.matrix_of(asked.inputs, arrays)
            if matrix is not None:
                return asked, matrix
        for tensor, array in zip(asked.inputs, values, strict=True):
            if array is not None:
                tensor.data = [None if one != one else one for one in array.tolist()]
        return asked, None

    def _rows(self, tensors: Sequence[Tensor]) -> "list[tuple[int, dict[str, Any]]]":
        names = [column.name for column in self._inputs]
        flat = [_flat(one) for one in tensors]
        if len(tensors) == 1 and len(tensors[0].shape) == 2 and tensors[0].shape[1] == len(names):
            values = flat[0]
            rows = [values[start : start + len(names)] for start in range(0, len(values), len(names))]
            return list(enumerate(dict(zip(names, row, strict=True)) for row in rows))
        given = [one.name for one in tensors]
        if len(set(given)) < len(given):
            raise ProblemError(422, "an input comes more than once")
        if len({len(values) for values in flat}) != 1 or not flat[0]:
            raise ProblemError(422, "every input needs the same number of values, at least one")
        return list(enumerate(dict(zip(given, row, strict=True)) for row in zip(*flat, strict=True)))

    def _answer(self, asked: Asked, batch: ScoredBatch, id_: str, logged: bool) -> Answer:
        outputs = asked.outputs or [InferOutput("predict")]
        for one in outputs:
            if one.name not in OUTPUTS:
                raise ProblemError(422, f"there is no output {one.name!r}; the outputs are {', '.join(OUTPUTS)}")
        every = asked.parameters is not None and asked.parameters.binary_data_output
        found = {"predict": batch.predictions, "drift_score": batch.means, "drift_max": batch.largest}
        served = self._predictor.served
        parts: list[bytes] = []
        body = {
            "model_name": served.model,
            "model_version": str(served.version),
            "id": asked.id or id_,
            "outputs": [
                _output(one.name, found[one.name], parts if every or (one.parameters or NOTHING).binary_data else None)
                for one in outputs
            ],
            "parameters": {"drift_score": float(batch.means.mean()), "drift_max": float(batch.largest.max())},
        }
        content = _encode(body)
        content = content if logged else unlogged(content)
        headers = identified(id_)
        if not parts:
            return Answer(content, headers=headers)
        headers += b"%b: %d\r\n" % (JSON_LENGTH, len(content))
        return Answer(b"".join([content, *parts]), kind=OCTETS, headers=headers)


def _convert(raw: Any) -> InferRequest:
    try:
        return msgspec.convert(raw, InferRequest)
    except msgspec.ValidationError as error:
        raise ProblemError(422, f"not an inference request: {error}") from None


def _flat(tensor: Tensor) -> list[Any]:
    values: list[Any] = tensor.data
    while values and isinstance(values[0], list):
        if not all(isinstance(one, list) for one in values):
            raise ProblemError(422, f"input {tensor.name}: data is nested unevenly")
        values = [value for one in values for value in one]
    size = 1
    for one in tensor.shape:
        size *= one
    if size != len(values):
        raise ProblemError(422, f"input {tensor.name}: shape {tensor.shape} holds {size} values, got {len(values)}")
    if tensor.datatype == "BOOL":
        values = [bool(one) if one in (0, 1) else one for one in values]
    return values


def _output(name: str, values: np.ndarray, parts: "list[bytes] | None") -> dict[str, Any]:
    """An output; with `parts` its values are added to them as bytes, where their datatype has such."""
    told: dict[str, Any] = {"name": name, "shape": [len(values)], "datatype": _datatype(values)}
    content = None if parts is None else written(told["datatype"], values)
    if parts is None or content is None:
        return {**told, "data": values.tolist()}
    parts.append(content)
    return {**told, "parameters": {"binary_data_size": len(content)}}


def _datatype(values: np.ndarray) -> str:
    return {"f": "FP64", "i": "INT64", "u": "INT64", "b": "BOOL"}.get(values.dtype.kind, "BYTES")
