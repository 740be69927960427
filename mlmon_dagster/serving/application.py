"""The routes of one server: predictions, health, metrics, and the description of the API."""

import asyncio
import dataclasses
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mlmon_dagster.serving.endpoints import Endpoints
from mlmon_dagster.serving.inference_protocol import InferenceProtocol
from mlmon_dagster.serving.messages import Answer, Reply, Request
from mlmon_dagster.serving.metrics import page
from mlmon_dagster.serving.openapi import document_of, page_of
from mlmon_dagster.serving.predictor import Predictor
from mlmon_dagster.serving.problems import ProblemError, failed
from mlmon_dagster.serving.replays import Replays, request_id

BODY_BYTES = 1_000_000
BATCH_BYTES = 16_000_000
"""For the routes that take many rows."""

TEXT = b"text/plain; version=0.0.4; charset=utf-8"
HTML = b"text/html; charset=utf-8"


Route = Callable[[Request, str, Reply], Awaitable[Answer] | None]
"""Predicts for a request with an id: answers through the reply, or gives the work that ends with the answer."""


class Application:
    """Answers requests for one model version. While `draining`, health says so. Belongs to one event loop."""

    def __init__(self, predictor: Predictor, example: Mapping[str, Any] | None = None) -> None:
        self.predictor = predictor
        self.draining = False
        self.replays = Replays()
        self._example = example
        endpoints = Endpoints(predictor)
        self._protocol = InferenceProtocol(predictor)
        self._predictions: Mapping[str, Route] = {
            "/predict": endpoints.predict,
            "/invocations": endpoints.invocations,
            "/batch-predict": endpoints.batch_predict,
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self._fixed = {
            "/ping": self._ping,
            "/health": self._health,
            "/metrics": self._metrics,
            "/openapi.json": self._openapi,
            "/docs": self._docs,
            "/": self._docs,
        }

    def body_limit(self, path: str) -> int:
        """Bytes that a body for this path may have."""
        many = path in ("/batch-predict", "/invocations") or path.startswith("/v2/")
        return BATCH_BYTES if many else BODY_BYTES

    def count(self, request: Request, status: int) -> None:
        """Counts an answered request."""
        self.predictor.metrics.request(request.route, status, time.perf_counter() - request.began)

    def handle(self, request: Request, reply: Reply) -> None:
        """Answers through `reply`, at once or later; whatever goes wrong is an answer, too."""
        try:
            self._handle(request, reply)
        except ProblemError as problem:
            reply(problem.answer)
        except Exception:  # a request starts here
            reply(failed(request))

    def look(self) -> None:
        """Once a second: counts what was predicted since, and feeds the detectors of the stream."""
        self.predictor.look(time.time())

    def _handle(self, request: Request, reply: Reply) -> None:
        path = request.path
        if (predict := self._predictions.get(path)) is not None:
            request.route = path
            _require_method(request, "POST")
            self._predict(request, reply, predict)
        elif path in self._fixed:
            request.route = path
            _require_method(request, "GET", "HEAD")
            reply(self._fixed[path]())
        elif (resource := self._protocol.resource(path)) is not None:
            request.route = f"/v2:{resource}"
            self._inference_protocol(request, reply, resource)
        else:
            known = f"; the model here is {self._protocol.path}" if path.startswith("/v2/models/") else "; see /docs"
            raise ProblemError(404, f"there is nothing at {path[:100]}{known}")

    def _predict(self, request: Request, reply: Reply, predict: "Route") -> None:
        brought = request_id(request)
        if brought is None:
            id_ = self.predictor.new_id()
        else:
            id_ = brought
            if self.replays.seen(brought, request, reply):
                return
            reply = self._remembered(brought, reply)
        try:
            work = predict(request, id_, reply)
            if work is not None:
                self._later(request, reply, work)
        except ProblemError as problem:
            reply(problem.answer)
        except Exception:  # told here, so that the id is free again
            reply(failed(request))

    def _remembered(self, id_: str, reply: Reply) -> Reply:
        def remembered(answer: Answer) -> None:
            reply(answer)
            self.replays.answered(id_, answer)

        return remembered

    def _later(self, request: Request, reply: Reply, work: Awaitable[Answer]) -> None:
        async def run() -> None:
            try:
                answer = await work
            except ProblemError as problem:
                answer = problem.answer
            except Exception:  # a request ends here
                answer = failed(request)
            reply(answer)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _inference_protocol(self, request: Request, reply: Reply, resource: str) -> None:
        if resource == "infer":
            _require_method(request, "POST")
            self._predict(request, reply, self._protocol.infer)
            return
        _require_method(request, "GET", "HEAD")
        if resource in ("live", "ready", "model-ready"):
            ready = resource == "live" or self._status == "ready"
            reply(
                Answer(json.dumps({"ready" if resource != "live" else "live": ready}).encode(), 200 if ready else 503)
            )
        else:
            reply(self._protocol.described(resource))

    @property
    def _status(self) -> str:
        if self.draining:
            return "draining"
        log = self.predictor.log
        return "not_ready" if log.failing and log.options.when_full == "fail_closed" else "ready"

    def _ping(self) -> Answer:
        return Answer(b"{}")

    def _health(self) -> Answer:
        predictor, status = self.predictor, self._status
        form = predictor.model.form
        body: dict[str, Any] = {
            "status": status,
            **dataclasses.asdict(predictor.served),
            "inputs": predictor.names,
            "form": form.kind,
            **({"why_not_compiled": form.reason} if form.reason else {}),
            "bands": dataclasses.asdict(predictor.bands),
            "durability": predictor.log.options.durability,
            "log": predictor.log.facts,
            "stream": predictor.stream.facts,
        }
        return Answer(json.dumps(body).encode(), 200 if status == "ready" else 503)

    def _metrics(self) -> Answer:
        self.look()
        return Answer(page(self.predictor, self.replays.replayed).encode(), kind=TEXT)

    def _openapi(self) -> Answer:
        return Answer(json.dumps(document_of(self.predictor, self._example)).encode())

    def _docs(self) -> Answer:
        return Answer(page_of(document_of(self.predictor, self._example)).encode(), kind=HTML)


def _require_method(request: Request, *methods: str) -> None:
    if request.method not in methods:
        allowed = b"allow: %b\r\n" % ", ".join(methods).encode()
        detail = f"{request.path} takes {' or '.join(methods)}, got {request.method[:20]}"
        raise ProblemError(405, detail, headers=allowed)
