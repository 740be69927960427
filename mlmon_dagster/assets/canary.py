"""Validation of a started version before it gets traffic: recorded rows are sent to it, more of them for a canary."""

from typing import Any

from mlmon_dagster.adapters.origin import PROBE
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.errors import FailedError
from mlmon_dagster.ports import Serving

CANARY_SHARE = 0.1
"""Share of the newest window's rows that a canary is tried with (requirement 12.4)."""

MAXIMUM_ERROR_RATE = 0.05
"""Share of failed answers above which a deployment is rolled back (requirement 5.6)."""

SMOKE_ROWS = 3
"""Rows for every other strategy: a smoke test."""


def probe(stage: StageRun, started: Serving, strategy: str) -> dict[str, Any]:
    """Sends recorded rows to the started server; `FailedError` above the accepted error rate."""
    rows = _recorded_rows(stage, strategy)
    if not rows:
        return {"probed_rows": 0}
    failed, first = _ask(started.address, rows)
    rate = failed / len(rows)
    if rate > MAXIMUM_ERROR_RATE:
        raise FailedError(
            f"{failed} of {len(rows)} recorded rows failed ({rate:.0%}, accepted {MAXIMUM_ERROR_RATE:.0%}): {first}"
        )
    return {"probed_rows": len(rows), "probed_error_rate": rate}


def _recorded_rows(stage: StageRun, strategy: str) -> list[dict[str, Any]]:
    key = stage.upstream("feature_store")
    for name in reversed(stage.outputs.windows(key)):
        output = stage.outputs.output(key, name)
        if output is not None and output.rows:
            count = max(SMOKE_ROWS, round(output.rows * CANARY_SHARE)) if strategy == "canary" else SMOKE_ROWS
            rows: list[dict[str, Any]] = stage.outputs.read(key, name).slice(0, count).to_pylist()
            return rows
    return []


def _ask(address: str, rows: list[dict[str, Any]]) -> tuple[int, str]:
    """How many rows failed, and what the first failure said."""
    import httpx

    failed, first = 0, ""
    with httpx.Client(base_url=address, timeout=10, headers=PROBE) as client:
        names = client.get("/health").json().get("inputs") or []
        for row in rows:
            try:
                answer = client.post("/predict", json={name: row.get(name) for name in names})
                problem = "" if answer.is_success else answer.text[:300]
            except httpx.HTTPError as error:
                problem = str(error) or type(error).__name__
            failed += bool(problem)
            first = first or problem
    return failed, first
