"""The reference: the features of all windows that the model is trained on and later windows are compared with."""

from typing import TYPE_CHECKING

from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.errors import BlockedError, DataError, InputError
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.pipeline.windows import day

if TYPE_CHECKING:
    import pyarrow as pa

MINIMUM_ROWS = 30
NAMED = 5
"""How many missing windows an error names."""


def read_reference(stage: StageRun) -> "tuple[pa.Table, list[str]]":
    """The rows of the reference and its windows, oldest first.

    Raises `BlockedError` while a window has not been through the feature store, `DataError` for too few rows.
    """
    key = stage.upstream("feature_store")
    windows = _windows(stage, key)
    there = set(stage.outputs.windows(key))
    missing = [name for name in windows if name not in there]
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise BlockedError(
            f"{len(missing)} of {len(windows)} windows of the reference have no features: "
            f"{', '.join(missing[:NAMED])}{more}",
            hint=f"materialise {key} for the windows {missing[0]} to {missing[-1]} first",
        )
    table = stage.outputs.read_windows(key, windows)
    if table.num_rows < MINIMUM_ROWS:
        raise DataError(
            f"the reference ({windows[0]} to {windows[-1]}) has {table.num_rows} rows; {MINIMUM_ROWS} are needed",
            hint="choose a longer reference",
        )
    return table, windows


def _windows(stage: StageRun, key: StageKey) -> list[str]:
    """Every window within the reference. A pipeline that does not say when it begins, begins with its first output."""
    declared, windows = stage.pipeline.stages.model_registry.reference, stage.pipeline.windows
    start = declared.since or windows.start
    if start is None:
        made = stage.outputs.windows(key)
        if not made:
            raise BlockedError("no window has features yet", hint=f"materialise {key} first")
        begin = windows.window(made[0]).start
    else:
        begin = day(start)
    found = [window.key for window in windows.between(begin, day(declared.until))]
    if not found:
        raise InputError(
            f"the reference ({begin:%Y-%m-%d} to {declared.until}) holds no whole {windows.every} window",
            hint="model_registry: reference: until must lie at least one window after its start",
        )
    return found
