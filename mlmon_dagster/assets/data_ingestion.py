"""Stage 1: cuts the source's rows into immutable, versioned windows."""

from collections.abc import Mapping

from mlmon_dagster.assets.stage import CheckResult, StageResult, StageRun
from mlmon_dagster.assets.window_rows import cut
from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.windows import Window

CHECKS: Mapping[str, str] = {"volume": "The window has rows."}
"""Check name -> what it says, for every check that the stage always reports."""


def run(stage: StageRun) -> StageResult:
    """Reads the source and keeps the window's rows.

    Raises `InputError` for a window of the future, `DataError` for data that cannot be read or lacks a declared
    column, `UnavailableError` for a source out of reach; the output that was there stays.
    """
    window = stage.window
    assert window is not None  # noqa: S101 - the asset is partitioned by window
    if stage.now < window.start:
        raise InputError(f"window {window.key} starts in the future ({window.start:%Y-%m-%d %H:%M} UTC)")
    source = stage.pipeline.stages.data_ingestion.source
    table = source.reader.read(stage.directory, source.rows.time, window)
    found = cut(table, source.rows, window, stage.now)
    output = stage.outputs.write(
        stage.key,
        window.key,
        found.rows,
        inputs={"source": found.digest},
        quarantine=found.quarantine,
        order=found.order,
    )
    stage.log(f"{output.rows} of {table.num_rows} rows lie in window {window.key}, {output.quarantined} set aside")
    return StageResult(
        output.digest,
        {"rows": float(output.rows), "rows_quarantined": float(output.quarantined), "bytes": float(output.bytes)},
        (volume(window, output.rows, output.quarantined),),
        {"source_digest": found.digest, "source_rows": table.num_rows, "columns": list(output.columns)},
    )


def volume(window: Window, rows: int, quarantined: int) -> CheckResult:
    """The check `volume`: a window without rows is `no_data`, never green."""
    aside = f", {quarantined} set aside" if quarantined else ""
    reason = f"window {window.key} has {rows} rows{aside}"
    return CheckResult("volume", "ok" if rows else "no_data", reason, {"rows": float(rows)})
