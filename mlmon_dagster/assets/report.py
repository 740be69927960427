"""What a stage found, in the words of Dagster: metadata that plots, and check results by window."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from mlmon_dagster.assets.stage import CheckResult, StageResult


def metadata_of(result: StageResult) -> dict[str, Any]:
    """Metrics as floats under their own names (Dagster plots them), facts as readable values."""
    metadata: dict[str, Any] = {name: number(value) for name, value in result.metrics.items()}
    if "rows" in result.metrics:
        metadata["dagster/row_count"] = int(result.metrics["rows"])
    for name, value in result.facts.items():
        metadata[name] = fact(value)
    metadata["digest"] = result.digest
    return metadata


def check_metadata(check: CheckResult) -> dict[str, Any]:
    """The check's verdict, numbers and the table that explains it."""
    metadata: dict[str, Any] = {"verdict": check.verdict, "reason": check.reason}
    metadata.update({name: number(value) for name, value in check.metrics.items()})
    if check.table:
        records = [dg.TableRecord({name: cell(value) for name, value in row.items()}) for row in check.table]
        metadata["columns"] = dg.MetadataValue.table(records)
    return metadata


def severity(check: CheckResult) -> dg.AssetCheckSeverity:
    """Too little evidence is a warning, drift and errors are errors; neither is green."""
    return dg.AssetCheckSeverity.WARN if check.verdict in ("no_data", "insufficient") else dg.AssetCheckSeverity.ERROR


def check_result(check: CheckResult) -> dg.AssetCheckResult:
    """The result of a check in a run of one window, or of a stage without windows."""
    return dg.AssetCheckResult(
        check_name=check.name,
        passed=check.verdict == "ok",
        severity=severity(check),
        description=check.reason,
        metadata=check_metadata(check),
    )


def check_evaluation(check: CheckResult, key: dg.AssetKey, window: str) -> dg.AssetCheckEvaluation:
    """The evaluation of one window in a run of many."""
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=check.name,
        passed=check.verdict == "ok",
        severity=severity(check),
        description=check.reason,
        metadata=check_metadata(check),
        blocking=check.blocking,
        partition=window,
    )


def number(value: Any) -> float:
    """A plain float: Dagster refuses numpy's scalars, and a plot needs a gap where there is no number."""
    value = float(value)
    return value if math.isfinite(value) else math.nan


def cell(value: Any) -> str | int | float | bool | None:
    """A table cell for the eye, numbers to six digits (metrics keep all); anything structured becomes text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    return float(f"{number(value):.6g}") if isinstance(value, float) else str(value)


def fact(value: Any) -> Any:
    """A fact as Dagster metadata: addresses become links, structures become JSON."""
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return dg.MetadataValue.url(value)
    if isinstance(value, Path):
        return dg.MetadataValue.path(value)
    if isinstance(value, Mapping | list | tuple):
        return dg.MetadataValue.json(json.loads(json.dumps(value, default=str)))
    if isinstance(value, bool | int | float | str):
        return value
    return str(value)
