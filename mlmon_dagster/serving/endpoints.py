"""What each prediction route reads and answers."""

from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec
import numpy as np

from mlmon_dagster.adapters.prediction_log.rows import Row
from mlmon_dagster.serving.body import ARROW, CSV, parse_json, read_json, require_kind
from mlmon_dagster.serving.decoding import Decoders
from mlmon_dagster.serving.messages import JSON, Answer, Reply, Request, identified
from mlmon_dagster.serving.predictions import ScoredBatch, unlogged
from mlmon_dagster.serving.predictor import Predictor
from mlmon_dagster.serving.records import Record, read_invocation, read_record, read_records
from mlmon_dagster.serving.tables import matrix_of_table, read_table, records_of_table, table_answer

_encode = msgspec.json.Encoder().encode

SINGLE_BYTES = 100_000
"""A longer body of `/invocations` is not tried as one row."""


class Invocation(msgspec.Struct, gc=False):
    """The answer of `/invocations` to one row, as MLflow's clients read it."""

    predictions: tuple[Any]
    id: str
    drift_scores: tuple[float]
    model_version: int


class Endpoints:
    """The prediction routes of one model: one row is answered through `reply`, for more there is work to await."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._inputs = predictor.model.inputs
        self._decoders = Decoders(self._inputs)
        self._version = predictor.served.version

    def predict(self, request: Request, id_: str, reply: Reply) -> None:
        """`POST /predict`: one record."""
        require_kind(request, JSON)
        received = self._decoders.record(request.body)
        answer = self._predictor.answer
        if received is not None:
            values: Sequence[Any] = msgspec.structs.astuple(received)
            self._predictor.predict(request, reply, id_, values, lambda scored: _encode(answer(scored, received)))
            return
        record = read_record(parse_json(request.body), self._inputs)
        values = list(record.values())
        self._predictor.predict_large(request, reply, id_, values, lambda scored: _encode(answer(scored, record)))

    def invocations(self, request: Request, id_: str, reply: Reply) -> Awaitable[Answer] | None:
        """`POST /invocations`: as MLflow and SageMaker ask, in JSON or CSV."""
        if len(request.body) < SINGLE_BYTES:
            rows = self._decoders.split(request.body)
            if rows is not None and len(rows) == 1:
                require_kind(request, JSON)
                self._predictor.predict(request, reply, id_, rows[0], self._invocation)
                return None
        return self._many_invocations(request, id_)

    async def _many_invocations(self, request: Request, id_: str) -> Answer:
        kind = require_kind(request, JSON, CSV)
        if kind == CSV:
            batch, logged = await self._table(request, id_, kind)
        else:
            rows = self._decoders.split(request.body)
            matrix = None if rows is None else self._decoders.matrix(rows)
            if matrix is not None:
                batch, logged = await self._predictor.predict_rows(request, id_, matrix)
            else:
                records = read_invocation(parse_json(request.body), self._inputs)
                batch, logged = await self._records(request, id_, records)
        body = {
            "predictions": batch.predictions.tolist(),
            "id": id_,
            "drift_scores": batch.means.tolist(),
            "model_version": self._version,
        }
        return _answer(_encode(body), id_, logged)

    async def batch_predict(self, request: Request, id_: str, reply: Reply) -> Answer:
        """`POST /batch-predict`: records in JSON, rows in CSV or an Arrow stream; answered in kind."""
        kind = require_kind(request, JSON, CSV, ARROW)
        if kind != JSON:
            batch, logged = await self._table(request, id_, kind)
            facts = {"x-request-id": id_, "x-model-version": str(self._predictor.served.version)}
            return table_answer(kind, batch, facts if logged else {**facts, "x-logged": "false"})
        structs = self._decoders.records(request.body)
        values = None if structs is None else [msgspec.structs.astuple(one) for one in structs]
        matrix = None if values is None else self._decoders.matrix(values)
        if matrix is not None and structs is not None and values is not None:
            batch, logged = await self._predictor.predict_rows(request, id_, matrix)
            received: Sequence[Any] = structs
        else:
            received = read_records(read_json(request), self._inputs)
            values = [tuple(record.values()) for record in received]
            batch, logged = await self._records(request, id_, received)
        answers = [
            self._predictor.answer(scored, came) for scored, came in zip(_singly(batch, values), received, strict=True)
        ]
        body = {"predictions": answers, "id": id_, "model_version": self._predictor.served.version}
        return _answer(_encode(body), id_, logged)

    async def _records(self, request: Request, id_: str, records: Sequence[Record]) -> tuple[ScoredBatch, bool]:
        values = [list(record.values()) for record in records]
        if self._predictor.model.rows is not None:
            matrix = np.array([[np.nan if one is None else one for one in row] for row in values], np.float64)
            return await self._predictor.predict_rows(request, id_, matrix)
        return await self._framed(request, id_, values)

    async def _framed(self, request: Request, id_: str, values: list[list[Any]]) -> tuple[ScoredBatch, bool]:
        found, logged = await self._predictor.predict_records(request, id_, values)
        return ScoredBatch.of(found), logged

    async def _table(self, request: Request, id_: str, kind: bytes) -> tuple[ScoredBatch, bool]:
        table = read_table(kind, request.body, self._inputs)
        if self._predictor.model.rows is not None:
            return await self._predictor.predict_rows(request, id_, matrix_of_table(table))
        return await self._framed(request, id_, records_of_table(table))

    def _invocation(self, scored: Row) -> bytes:
        return _encode(Invocation((scored.prediction,), scored.id, (scored.mean,), self._version))


def _singly(batch: ScoredBatch, values: Sequence[Sequence[Any]]) -> list[Row]:
    rows = zip(values, batch.predictions.tolist(), batch.means.tolist(), batch.largest.tolist(), strict=True)
    return [
        Row(f"{batch.id}-{n}", batch.moment, came, prediction, mean, largest)
        for n, (came, prediction, mean, largest) in enumerate(rows)
    ]


def _answer(body: bytes, id_: str, logged: bool) -> Answer:
    return Answer(body if logged else unlogged(body), headers=identified(id_))
