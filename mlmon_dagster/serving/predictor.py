"""From records to answers, each with its drift score and its row in the prediction log."""

import asyncio
import math
import time
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import Any

import numpy as np

from mlmon_dagster.adapters.mlflow.model_directory import LoadedModel
from mlmon_dagster.adapters.prediction_log.rows import SKEWED_SECONDS, Claims, Row, encode_block, encode_rows
from mlmon_dagster.drift.scorer import Calibration, RecordScorer
from mlmon_dagster.serving.claims import CLAIMING, claims_of
from mlmon_dagster.serving.deadline import HEADER, within_deadline
from mlmon_dagster.serving.decoding import EXACT
from mlmon_dagster.serving.group import Group, LogRefusedError
from mlmon_dagster.serving.messages import Answer, Reply, Request, identified
from mlmon_dagster.serving.metrics import ServerMetrics
from mlmon_dagster.serving.microbatch import MicroBatcher
from mlmon_dagster.serving.pace import inline_rows
from mlmon_dagster.serving.prediction_log import PredictionLog
from mlmon_dagster.serving.predictions import Prediction, ScoredBatch, unlogged
from mlmon_dagster.serving.problems import ProblemError, failed, refusal
from mlmon_dagster.serving.scoring import RecordScores, too_far
from mlmon_dagster.serving.served import Bands, Served
from mlmon_dagster.serving.stream import ScoreStream

NAN = float("nan")

TELLING = CLAIMING | {HEADER}
"""Headers without which a request has no deadline and makes no claims."""

Render = Callable[[Row], bytes]


class Predictor:
    """A model, the reference it is scored against, and the log that keeps what it said.

    All methods are called on one event loop; only whole batches, and models that are not compiled, compute in threads.
    """

    def __init__(
        self,
        model: LoadedModel,
        scorer: RecordScorer,
        calibration: Calibration | None,
        served: Served,
        log: PredictionLog,
        *,
        bands: Bands | None = None,
        metrics: ServerMetrics | None = None,
    ) -> None:
        self.model, self.scorer, self.calibration, self.served, self.log = model, scorer, calibration, served, log
        self.bands = bands or Bands()
        self.metrics = metrics or ServerMetrics(self.bands)
        self.stream = ScoreStream(calibration)
        self.names = [column.name for column in model.inputs]
        self._scores = RecordScores(scorer, self.names)
        self._compiled = model.rows if model.form.compiled else None
        self._nullable = any(column.nullable for column in model.inputs)
        self._id, self._count = f"{log.boot[:8]}-%08x", 0
        self._share = log.options.sample
        self._second, self._second_text = -1, ""
        self.batcher = MicroBatcher(self._compute)
        self.inline_rows = inline_rows(model.rows, scorer) if model.rows is not None else 0
        """Rows up to which a batch is computed on the event loop."""

    def new_id(self) -> str:
        """An id for a request that brought none: unique to this process."""
        self._count += 1
        return self._id % self._count

    def predict(self, request: Request, reply: Reply, id_: str, values: Sequence[Any], render: Render) -> None:
        """Predicts one record, whose values are in the model's order, `None` where one is missing.

        Numbers among them are at most `EXACT`. `reply` gets what `render` makes of the record once it is in the log, or
        a problem.
        """
        if self._compiled is None:
            self.batcher.add(values, partial(self._predicted, request, reply, id_, values, render))
            return
        try:
            prediction = self._compiled.row(self._with_gaps(values) if self._nullable else values)
        except Exception as error:  # told as those from the thread are
            self._predicted(request, reply, id_, values, render, None, error)
        else:
            self._predicted(request, reply, id_, values, render, prediction, None)

    def _predicted(
        self,
        request: Request,
        reply: Reply,
        id_: str,
        values: Sequence[Any],
        render: Render,
        prediction: Any,
        error: Exception | None,
    ) -> None:
        """Scores the record, and answers when it is in the log."""
        try:
            if error is not None:
                raise refusal(error)
            telling = not TELLING.isdisjoint(request.headers)
            if telling:
                within_deadline(request)
            scored = self._scored(id_, values, prediction)
            if telling:
                scored.claims = self._claims(request, scored.moment)
            body = render(scored)
            if self._share < 1.0 and not self._sampled(id_):
                reply(Answer(body, headers=identified(id_)))
            else:
                self.log.put_row(scored, _settled, reply, id_, body)
        except ProblemError as problem:
            reply(problem.answer)
        except LogRefusedError as refused:
            reply(ProblemError(503, refused.reason).answer)
        except Exception:  # a request ends here
            reply(failed(request))

    async def predict_rows(self, request: Request, id_: str, matrix: np.ndarray) -> tuple[ScoredBatch, bool]:
        """Predicts float64 rows (n, inputs), NaN where a value is missing; whether they were logged."""
        if self.model.rows is None:
            found, logged = await self.predict_records(request, id_, matrix.tolist())
            return ScoredBatch.of(found), logged
        if len(matrix) <= self.inline_rows:
            batch = self._scored_rows(id_, matrix)
        else:
            batch = await asyncio.get_running_loop().run_in_executor(None, self._scored_rows, id_, matrix)
        within_deadline(request)
        self._observe_all(batch.means)
        if batch.predictions.dtype.kind in "fiu":
            block = encode_block(
                id_,
                batch.moment,
                batch.predictions.dtype.kind in "iu",
                batch.predictions,
                np.stack([batch.means, batch.largest], axis=1),
                matrix,
                self._claims(request, batch.moment),
            )
            return batch, await self._kept(block, id_)
        rows = zip(
            matrix.tolist(), batch.predictions.tolist(), batch.means.tolist(), batch.largest.tolist(), strict=True
        )
        said = self._claims(request, batch.moment)
        logged = await self._kept(
            encode_rows([Row(f"{id_}-{n}", batch.moment, *row, said) for n, row in enumerate(rows)]),
            id_,
        )
        return batch, logged

    async def predict_records(
        self, request: Request, id_: str, records: Sequence[Sequence[Any]]
    ) -> tuple[list[Row], bool]:
        """Predicts records with values of any kind; whether they were logged."""
        loop = asyncio.get_running_loop()
        try:
            predictions = await loop.run_in_executor(None, self._compute, records)
        except Exception as error:
            raise refusal(error) from error
        within_deadline(request)
        found = [
            self._scored(f"{id_}-{n}", values, prediction)
            for n, (values, prediction) in enumerate(zip(records, predictions, strict=True))
        ]
        claims = self._claims(request, found[0].moment)
        for one in found:
            one.claims = claims
        return found, await self._kept(encode_rows(found), id_)

    def answer(self, scored: Row, received: Any) -> Prediction:
        """What `/predict` says of a record."""
        return Prediction(
            scored.id,
            scored.prediction,
            scored.mean,
            scored.largest,
            self.p_value(scored.mean, scored.largest),
            self.bands.band(scored.mean),
            self._scores.each(scored.values),
            self.time_text(scored.moment),
            received,
            self.served.version,
        )

    def p_value(self, mean: float, largest: float) -> float | None:
        """The share of the reference's records that are at least as unusual; `None` for versions not calibrated."""
        return self.calibration.p_value(mean, largest) if self.calibration else None

    def time_text(self, moment: int) -> str:
        """The moment in UTC with milliseconds."""
        second, rest = divmod(moment, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._second_text}{rest // 1_000_000:03d}Z"

    def look(self, now: float) -> None:
        """Counts what came since the last look, and feeds the stream's detectors; `now` is seconds since 1970."""
        self.metrics.look()
        self.stream.look(now)

    def close(self) -> None:
        """Ends the threads and the log."""
        self.batcher.close()
        self.log.close()

    def predict_large(self, request: Request, reply: Reply, id_: str, values: Sequence[Any], render: Render) -> None:
        """The same for numbers of any size."""
        present = [value for value in values if value is not None]
        if self._compiled is None or not present or max(map(abs, present)) <= EXACT:
            self.predict(request, reply, id_, values, render)
            return
        row = np.array([[NAN if value is None else value for value in values]], np.float64)
        try:
            prediction = self._compiled.rows(row)[0].item()
        except Exception as error:  # told as those from the thread are
            self._predicted(request, reply, id_, values, render, None, error)
        else:
            self._predicted(request, reply, id_, values, render, prediction, None)

    def _compute(self, records: Sequence[Sequence[Any]]) -> Sequence[Any]:
        if self.model.rows is not None:
            found: list[Any] = self.model.rows.rows(np.array(records, dtype=np.float64)).tolist()
            return found
        import pandas as pd

        predictions: list[Any] = self.model.predict(pd.DataFrame(list(records), columns=self.names)).tolist()
        return predictions

    @staticmethod
    def _with_gaps(values: Sequence[Any]) -> Sequence[float]:
        return [NAN if value is None else value for value in values]

    def _scored(self, id_: str, values: Sequence[Any], prediction: Any) -> Row:
        if (isinstance(prediction, float) and not math.isfinite(prediction)) or prediction is None:
            raise ProblemError(500, "the model gave a prediction that is not a finite number")
        mean, largest = self._scores.summary(values)
        self.stream.observe(mean)
        self.metrics.prediction(mean)
        return Row(id_, time.time_ns(), values, prediction, mean, largest)

    def _scored_rows(self, id_: str, matrix: np.ndarray) -> ScoredBatch:
        assert self.model.rows is not None  # noqa: S101 - asked by `predict_rows`
        try:
            predictions = self.model.rows.rows(matrix)
        except Exception as error:
            raise refusal(error) from error
        if predictions.dtype.kind == "f" and not np.isfinite(predictions).all():
            raise ProblemError(500, "the model gave a prediction that is not a finite number")
        _, means, largest = self.scorer.rows(matrix)
        if not np.isfinite(largest).all():
            raise too_far()
        return ScoredBatch(id_, time.time_ns(), predictions, means, largest)

    def _observe_all(self, means: np.ndarray) -> None:
        self.stream.observe_all(means)
        self.metrics.predictions_of(means)

    def _claims(self, request: Request, moment: int) -> Claims | None:
        claims = claims_of(request.headers, moment)
        if claims is not None and claims[1] is not None and abs(claims[1]) > SKEWED_SECONDS:
            self.metrics.skewed += 1
        return claims

    async def _kept(self, payload: bytes, id_: str) -> bool:
        if not self._sampled(id_):
            return True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Group] = loop.create_future()
        try:
            self.log.put(payload, loop, _resolve, future)
        except LogRefusedError as error:
            raise ProblemError(503, error.reason) from error
        group = await future
        if group.error is not None:
            raise ProblemError(503, group.error.reason)
        return group.logged

    def _sampled(self, id_: str) -> bool:
        return self._share >= 1.0 or zlib.crc32(id_.encode()) < self._share * 2**32


def _settled(group: Group, reply: Reply, id_: str, body: bytes) -> None:
    """Answers a record whose row is in the log, or was refused."""
    if group.error is not None:
        reply(ProblemError(503, group.error.reason).answer)
    else:
        reply(Answer(body if group.logged else unlogged(body), headers=identified(id_)))


def _resolve(group: Group, future: "asyncio.Future[Group]") -> None:
    if not future.done():
        future.set_result(group)
