"""The description of a server's API, with the model's own features and an example that works."""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.serving.predictor import Predictor

TYPES = {"float": "number", "integer": "integer", "boolean": "boolean"}

Document = dict[str, Any]


def document_of(predictor: Predictor, example: Mapping[str, Any] | None) -> Document:
    """OpenAPI 3.1 for the model that is served; `example` is a record of its input example."""
    served, inputs = predictor.served, predictor.model.inputs
    record = record_schema(inputs)
    first = {name: example.get(name) for name in predictor.names} if example else None
    names, values = list(predictor.names), list(first.values()) if first else []
    split = {"dataframe_split": {"columns": names, "data": [values]}} if first else None
    invocation = {
        "type": "object",
        "properties": {name: {} for name in ("dataframe_split", "dataframe_records", "instances", "inputs")},
    }
    tables = {"text/csv": {"schema": {"type": "string"}}, "application/vnd.apache.arrow.stream": {}}
    infer = f"/v2/models/{served.model}/infer"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{served.model} version {served.version}",
            "version": str(served.version),
            "description": "Predictions with their drift score. Digest " + served.digest,
        },
        "paths": {
            "/predict": {"post": _post("Predict one record", _json(record, first), "Prediction")},
            "/batch-predict": {
                "post": _post(
                    "Predict several records, rows of CSV or of an Arrow stream; answered in kind",
                    _json({"type": "array", "items": record, "minItems": 1}, [first] if first else None) | tables,
                    "Predictions",
                )
            },
            "/invocations": {
                "post": _post(
                    "Predict as MLflow and SageMaker ask",
                    _json(invocation, split) | {"text/csv": {"schema": {"type": "string"}}},
                    "Invocation",
                )
            },
            infer: {"post": _post("Open Inference Protocol, version 2", _json({"type": "object"}, None), "Inference")},
            "/ping": {"get": _get("Alive")},
            "/health": {"get": _get("What is served, how predictions are kept, and whether it is ready")},
            "/metrics": {"get": _get("Prometheus metrics", "text/plain")},
            f"/v2/models/{served.model}": {"get": _get("The model's inputs and outputs")},
        },
        "components": {"schemas": _answers(inputs)},
    }


def record_schema(inputs: Sequence[ModelInput]) -> Document:
    """JSON Schema of one record."""
    properties = {}
    for column in inputs:
        kind = TYPES.get(column.kind, "string")
        one: Document = {"type": [kind, "null"] if column.nullable else kind}
        properties[column.name] = one | ({"format": "date-time"} if column.kind == "timestamp" else {})
    required = [column.name for column in inputs if not column.nullable]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def page_of(document: Document) -> str:
    """The description as a page that needs nothing else."""
    parts = [f"<h1>{html.escape(document['info']['title'])}</h1><p>{html.escape(document['info']['description'])}</p>"]
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            parts.append(
                f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{html.escape(told['summary'])}</p>"
            )
            for kind, content in told.get("requestBody", {}).get("content", {}).items():
                example = content.get("example")
                shown = example if example is not None else content.get("schema")
                if shown:
                    text = html.escape(json.dumps(shown, indent=1, default=str))
                    parts.append(f"<p>{html.escape(kind)}</p><pre>{text}</pre>")
    style = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}pre{background:#f4f4f4}"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(document['info']['title'])}</title>"
        f"<style>{style}</style>{''.join(parts)}<p><a href=/openapi.json>OpenAPI document</a></p></html>"
    )


def _post(summary: str, content: Document, answer: str) -> Document:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {
        "400": "not readable", "409": "the request id was used for another request", "413": "too large",
        "415": "another content type", "422": "the features do not fit the model", "503": "cannot answer now",
        "504": "the deadline has passed",
    }  # fmt: skip
    headers = [
        _header("X-Request-Id", "names the request; sent again with the same body it gets the same answer"),
        _header("X-Deadline-Ms", "milliseconds after which the client does not want the answer any more", "integer"),
    ]
    answered = {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer}"}}}
    return {
        "summary": summary,
        "parameters": headers,
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "the prediction is in the log", "content": answered},
            **{status: {"description": text, "content": problem} for status, text in refusals.items()},
        },
    }


def _get(summary: str, kind: str = "application/json") -> Document:
    return {"summary": summary, "responses": {"200": {"description": "done", "content": {kind: {}}}}}


def _header(name: str, text: str, kind: str = "string") -> Document:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": kind}}


def _json(schema: Document, example: Any) -> Document:
    return {"application/json": {"schema": schema} | ({"example": example} if example is not None else {})}


def _answers(inputs: Sequence[ModelInput]) -> Document:
    number = {"type": "number"}
    prediction = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "prediction": {},
            "drift_score": {**number, "description": "mean |z| over the numeric features"},
            "drift_max": {**number, "description": "largest |z| of all features"},
            "p_value": {
                "type": ["number", "null"],
                "description": "share of the reference's records that are at least as unusual",
            },
            "band": {"enum": ["normal", "moderate", "high"]},
            "drift": {"type": "object", "additionalProperties": number},
            "timestamp": {"type": "string", "format": "date-time"},
            "features_received": record_schema(inputs),
            "model_version": {"type": "integer"},
        },
    }
    listed = {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}}
    return {
        "Prediction": prediction,
        "Predictions": {"type": "object", "properties": {"predictions": listed, "id": {"type": "string"}}},
        "Invocation": {
            "type": "object",
            "properties": {"predictions": {"type": "array"}, "drift_scores": {"type": "array", "items": number}},
        },
        "Inference": {"type": "object", "properties": {"outputs": {"type": "array"}}},
        "Problem": {
            "type": "object",
            "properties": {"title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
        },
    }
