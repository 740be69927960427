"""Evidently's HTML report of two tables, beside our own verdicts."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlmon_dagster.errors import DataError, UnavailableError

if TYPE_CHECKING:
    import pyarrow


def write_report(reference: "pyarrow.Table", window: "pyarrow.Table", path: str | Path) -> tuple[str, ...]:
    """Writes Evidently's data drift report as one HTML file, whole or not at all; the columns that it left out.

    Evidently fails on columns that are empty or missing on one side
    (https://github.com/evidentlyai/evidently/issues/1480), so those are left out.
    """
    shared = [name for name in reference.column_names if name in window.column_names]
    usable = [name for name in shared if _usable(reference[name]) and _usable(window[name])]
    if not usable:
        raise DataError("no column has values on both sides: there is nothing to report")
    target = Path(path)
    from evidently import Report
    from evidently.presets import DataDriftPreset

    before, now = (table.select(usable).to_pandas() for table in (reference, window))
    snapshot = Report([DataDriftPreset()]).run(now, before)
    try:
        with tempfile.TemporaryDirectory(dir=target.resolve().parent) as folder:
            whole = Path(folder) / target.name
            snapshot.save_html(str(whole))
            whole.replace(target)
    except OSError as error:
        raise UnavailableError(f"the report cannot be written to {target}: {error.strerror}") from error
    return tuple(name for name in reference.column_names if name not in usable)


def _usable(column: "pyarrow.ChunkedArray") -> bool:
    import pyarrow.compute as pc

    return len(column) > 0 and bool(pc.any(pc.is_valid(column)).as_py())
