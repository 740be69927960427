"""The inference server's HTTP application: predictions, health and metrics."""

import dataclasses
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from mlmon_dagster.serving.body import read_json
from mlmon_dagster.serving.metrics import ServerMetrics, log_lines
from mlmon_dagster.serving.predictor import Predictor
from mlmon_dagster.serving.problems import ProblemError, problem_response
from mlmon_dagster.serving.records import read_invocation, read_record, read_records

JSON_TYPES = {"float": "number", "integer": "integer", "boolean": "boolean"}


@dataclass
class ServerState:
    """What changes while a server runs."""

    draining: bool = False
    metrics: ServerMetrics = field(default_factory=ServerMetrics)


def create_app(predictor: Predictor, state: ServerState | None = None) -> FastAPI:
    """The application for one model version; while `state.draining`, every answer asks the client to reconnect."""
    state = state or ServerState()
    served, inputs = predictor.served, predictor.model.inputs
    app = FastAPI(title=f"{served.model} version {served.version}", description="Predictions with their drift score.")
    _handle_problems(app)
    _watch(app, state)
    record = _schema(predictor)
    records = {"type": "array", "items": record, "minItems": 1}

    @app.post("/predict", openapi_extra=_body(record), summary="Predict one record")
    async def predict(request: Request) -> JSONResponse:
        found = [read_record(await read_json(request), inputs)]
        return JSONResponse((await answer(found))[0])

    @app.post("/batch-predict", openapi_extra=_body(records), summary="Predict several records")
    async def batch_predict(request: Request) -> JSONResponse:
        found = read_records(await read_json(request), inputs)
        return JSONResponse({"predictions": await answer(found), "model_version": served.version})

    @app.post("/invocations", openapi_extra=_body({"type": "object"}), summary="Predict as MLflow and SageMaker ask")
    async def invocations(request: Request) -> JSONResponse:
        found = read_invocation(await read_json(request), inputs)
        return JSONResponse({"predictions": [one["prediction"] for one in await answer(found)]})

    @app.get("/ping", summary="Alive")
    async def ping() -> Response:
        return Response(status_code=200)

    @app.get("/health", summary="What is served, and whether it is ready")
    async def health() -> JSONResponse:
        status = "draining" if state.draining else "ready"
        body = {"status": status, **dataclasses.asdict(served), "inputs": [column.name for column in inputs]}
        log = predictor.log
        body["durability"] = log.options.durability
        body["log"] = log.facts
        if log.failing and log.options.when_full == "fail_closed" and not state.draining:
            body["status"] = "not_ready"
        return JSONResponse(body, 200 if body["status"] == "ready" else 503)

    @app.get("/metrics", summary="Prometheus metrics")
    async def metrics() -> PlainTextResponse:
        facts = {"model": served.model, "version": served.version, "digest": served.digest[:12]}
        facts |= {"environment": served.environment} if served.environment else {}
        text = state.metrics.render(",".join(f'{name}="{value}"' for name, value in facts.items()))
        text += "\n".join(log_lines(predictor.log)) + "\n"
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def answer(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answers = await run_in_threadpool(predictor.predict, found)
        state.metrics.predictions(one["drift_score"] for one in answers)
        return answers

    return app


def _handle_problems(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def refused(_: Request, problem: ProblemError) -> Response:
        return problem_response(problem)

    @app.exception_handler(HTTPException)
    async def no_such_route(_: Request, error: HTTPException) -> Response:
        return problem_response(ProblemError(error.status_code, str(error.detail)))


def _watch(app: FastAPI, state: ServerState) -> None:
    """Counts and times every request; what nobody expected becomes a plain 500, told in the log only."""
    routes = {"/predict", "/batch-predict", "/invocations", "/ping", "/health", "/metrics"}

    @app.middleware("http")
    async def watch(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.perf_counter()
        try:
            response = await call(request)
        except Exception:  # a request starts here
            _log_unexpected(request.url.path)
            response = problem_response(ProblemError(500, "the server failed; its log says why"))
        if state.draining:
            response.headers["connection"] = "close"
        route = request.url.path if request.url.path in routes else "other"
        state.metrics.request(route, response.status_code, time.perf_counter() - began)
        return response


def _log_unexpected(path: str) -> None:
    import logging

    logging.getLogger("mlmon.serving").exception("%s failed", path)


def _schema(predictor: Predictor) -> dict[str, Any]:
    inputs = predictor.model.inputs
    properties = {column.name: {"type": JSON_TYPES.get(column.kind, "string")} for column in inputs}
    required = [column.name for column in inputs if not column.nullable]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
