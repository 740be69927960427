"""Asking a live server as a client would: latency, failures and drift scores of its answers."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.origin import PROBE

if TYPE_CHECKING:
    import httpx
    import pandas as pd

SECONDS = 5


@dataclass(frozen=True)
class Probed:
    """What was measured: `latency_ms.p50`, `latency_ms.p99`, `errors`, `error_rate`, `drift_score.mean`."""

    asked: int
    metrics: Mapping[str, float]
    first_error: str | None


def probe(address: str, rows: "pd.DataFrame", version: int) -> Probed:
    """Sends each row to `/predict`; an answer of another version than `version` is a failure."""
    import httpx

    latencies: list[float] = []
    scores: list[float] = []
    errors: list[str] = []
    with httpx.Client(base_url=address, timeout=SECONDS, headers=PROBE) as client:
        for row in rows.to_dict("records"):
            record = {str(name): _plain(value) for name, value in row.items()}
            began = time.perf_counter()
            answer = _ask(client, record)
            latencies.append((time.perf_counter() - began) * 1000)
            if isinstance(answer, str):
                errors.append(answer)
            elif answer.get("model_version") != version:
                errors.append(f"version {answer.get('model_version')} answered instead of {version}")
            else:
                scores.append(float(answer["drift_score"]))
    return Probed(len(rows), _metrics(latencies, scores, len(errors)), errors[0] if errors else None)


def _plain(value: Any) -> Any:
    """As JSON has it; moments carry their offset, UTC where the column has none."""
    if not hasattr(value, "isoformat"):
        return value
    return (value.tz_localize("UTC") if value.tzinfo is None else value).isoformat()


def _ask(client: "httpx.Client", record: Mapping[str, Any]) -> dict[str, Any] | str:
    """The answer, or what went wrong."""
    import httpx

    try:
        response = client.post("/predict", json=record)
        body: dict[str, Any] = response.json()
    except (httpx.HTTPError, ValueError) as error:
        return str(error) or type(error).__name__
    return body if response.status_code == 200 else str(body.get("detail", response.status_code))


def _metrics(latencies: list[float], scores: list[float], errors: int) -> dict[str, float]:
    import numpy as np

    if not latencies:
        return {}
    found = {
        "requests": float(len(latencies)),
        "errors": float(errors),
        "error_rate": errors / len(latencies),
        "latency_ms.p50": float(np.percentile(latencies, 50)),
        "latency_ms.p99": float(np.percentile(latencies, 99)),
    }
    return found | ({"drift_score.mean": float(np.mean(scores))} if scores else {})
