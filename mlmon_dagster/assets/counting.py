"""The window's columns as monitors measure them: all their values, or the counts that an engine gives."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import InputError
from mlmon_dagster.ports import Engine, Rows

if TYPE_CHECKING:
    import pyarrow as pa


def window_columns(stage: StageRun, profile: Profile, rows: "pa.Table") -> Mapping[str, Column]:
    """The profile's columns of the window; where an engine is declared, counted by it on the profile's grids."""
    engine: Engine | None = stage.pipeline.stages.model_monitoring.engine
    if engine is None:
        return columns_of(rows, [name for name in rows.column_names if name in profile.columns])
    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    from mlmon_dagster.adapters.engines.auto import told

    given = Rows(table=rows, start=stage.window.start, end=stage.window.end)
    try:
        counts = engine.count(given, Profile(profile.columns, profile.rows))
    except InputError as error:
        raise type(error)(f"model_monitoring.engine: {error.message}", hint=error.hint) from error
    stage.log(f"{counts.rows:,} rows counted by {told(engine, given)}; the counts have digest {counts.digest[:12]}")
    return counts.columns
