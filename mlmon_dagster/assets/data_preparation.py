"""Stage 2: checks every row against the declared schema; invalid rows are set aside with a reason."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlmon_dagster.assets.data_ingestion import volume
from mlmon_dagster.assets.row_rules import Checked, check_rows
from mlmon_dagster.assets.stage import CheckResult, StageResult, StageRun, Verdict
from mlmon_dagster.assets.window_rows import with_reasons
from mlmon_dagster.lifecycle.outputs import Output
from mlmon_dagster.pipeline.spec import DataPreparation

if TYPE_CHECKING:
    import pyarrow

CHECKS: Mapping[str, str] = {
    "schema": "The rows fit the declared schema, but for a share that is accepted.",
    "volume": "The window has valid rows.",
}
"""Check name -> what it says, for every check that the stage always reports."""


def run(stage: StageRun) -> StageResult:
    """Keeps the valid rows of the ingested window, declared columns cast to their types.

    A window that lacks a declared column, or has more invalid rows than accepted, is refused: the check `schema` says
    why, the rows are kept with their reasons, and the output that was there stays. Raises `MissingError` when the
    window was not ingested.
    """
    window = stage.window
    assert window is not None  # noqa: S101 - the asset is partitioned by window
    declared = stage.pipeline.stages.data_preparation
    upstream = stage.upstream("data_ingestion")
    came = stage.outputs.read(upstream, window.key)
    ingested = stage.outputs.output(upstream, window.key)
    assert ingested is not None  # noqa: S101 - it was just read
    missing = [name for name in declared.schema if name not in came.column_names]
    if missing:
        return _refuse(stage, came, _all_rows(came, missing), _missing_columns(came, missing))
    checked = check_rows(came, declared.schema)
    invalid = with_reasons(came, checked.reasons)
    verdict, reason = _judge(declared, checked, invalid.num_rows)
    if verdict == "error":
        return _refuse(stage, came, invalid, reason)
    output = _write(stage, checked, invalid, ingested)
    schema = CheckResult("schema", verdict, reason, _shares(came, invalid.num_rows), blocking=True)
    checks = (schema, volume(window, output.rows, output.quarantined))
    extra = [name for name in came.column_names if name not in declared.schema]
    metrics = {"rows": float(output.rows), **_shares(came, invalid.num_rows), **_missing_shares(checked)}
    return StageResult(output.digest, metrics, checks, {"undeclared_columns": extra})


def _write(stage: StageRun, checked: Checked, invalid: "pyarrow.Table", ingested: Output) -> Output:
    import pyarrow.compute as pc

    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    return stage.outputs.write(
        stage.key,
        stage.window.key,
        checked.table.filter(pc.is_null(checked.reasons)),
        inputs={"data_ingestion": ingested.digest},
        quarantine=invalid,
    )


def _judge(declared: DataPreparation, checked: Checked, invalid: int) -> tuple[Verdict, str]:
    """The verdict of the check `schema` over one window's rows, in a sentence."""
    rows = checked.table.num_rows
    if rows == 0:
        return "no_data", "no rows to check"
    share = invalid / rows
    told = f"{invalid} of {rows} rows are invalid ({share:.1%}, {declared.maximum_invalid:.1%} accepted)"
    if invalid == rows:
        return "error", f"[QUALITY] all {rows} rows are invalid"
    if invalid and declared.on_invalid == "fail":
        return "error", f"[QUALITY] {invalid} of {rows} rows are invalid and `on_invalid` is fail"
    if share > declared.maximum_invalid:
        return "error", f"[QUALITY] {told}"
    empty = [name for name in declared.schema if checked.missing[name] == rows]
    if empty:
        return "insufficient", f"no row has a value of {', '.join(empty)}; {told}"
    return "ok", told


def _refuse(stage: StageRun, came: "pyarrow.Table", rows: "pyarrow.Table", reason: str) -> StageResult:
    """Nothing is overwritten: the rows are kept beside the output, and `schema` blocks what comes after."""
    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    digest = stage.outputs.refuse(stage.key, stage.window.key, rows)
    stage.log(f"window {stage.window.key} is refused: {reason}")
    shares = _shares(came, rows.num_rows)
    kept = stage.outputs.output(stage.key, stage.window.key)
    facts = {"kept_output": kept.digest if kept else "none", "reasons": _frequent(rows)}
    checks = (
        CheckResult("schema", "error", reason, shares, blocking=True, table=_frequent(rows)),
        CheckResult("volume", "no_data", f"window {stage.window.key} was refused by its schema", {"rows": 0.0}),
    )
    return StageResult(digest, {"rows": 0.0, **shares}, checks, facts)


def _all_rows(came: "pyarrow.Table", missing: list[str]) -> "pyarrow.Table":
    import pyarrow as pa

    return with_reasons(came, pa.repeat(f"no column {', '.join(missing)}", came.num_rows))


def _missing_columns(came: "pyarrow.Table", missing: list[str]) -> str:
    return f"[SCHEMA] declared columns are not there: {', '.join(missing)} (there are {', '.join(came.column_names)})"


def _frequent(rows: "pyarrow.Table") -> tuple[dict[str, object], ...]:
    """The ten most frequent reasons, most frequent first."""
    from collections import Counter

    counted = Counter(rows.column("reason").to_pylist()).most_common(10)
    return tuple({"reason": reason, "rows": count} for reason, count in counted)


def _shares(came: "pyarrow.Table", invalid: int) -> dict[str, float]:
    return {"invalid": float(invalid), "invalid_share": invalid / came.num_rows if came.num_rows else 0.0}


def _missing_shares(checked: Checked) -> dict[str, float]:
    """Share of rows without a value, for each declared column; nothing without rows."""
    rows = checked.table.num_rows
    return {f"missing.{name}": count / rows for name, count in checked.missing.items() if rows}
