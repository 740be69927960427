"""The reference: the features of all windows that the model is trained on and later windows are compared with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlmon_dagster.assets.batch import carried
from mlmon_dagster.assets.outcomes import PREDICTION
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.errors import BlockedError, DataError, InputError
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.pipeline.windows import day

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
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


def predicted(model: Any, inputs: "pd.DataFrame") -> "np.ndarray":
    """One finite prediction for each row.

    `DataError` for a model that gives another number of them, or others, or that was fitted on other types of columns.
    """
    import numpy as np

    try:
        predictions = np.asarray(model.predict(inputs)).reshape(len(inputs), -1)
    except (ValueError, TypeError, KeyError) as error:
        types = ", ".join(f"{name} ({kind})" for name, kind in inputs.dtypes.items())
        said = str(error).strip().split("\n")[0]
        raise DataError(
            f"[SCHEMA] the model cannot predict from {types}: {said}",
            hint="give the features the names and types that the model was fitted on",
        ) from error
    if predictions.shape[1] != 1:
        raise DataError(f"the model gives {predictions.shape[1]} predictions for a row; expected one")
    flat: np.ndarray = predictions[:, 0]
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        bad = int((~np.isfinite(flat)).sum())
        raise DataError(f"the model gives no finite prediction for {bad} of the reference's {len(flat)} rows")
    return flat


def as_windows(pipeline: Pipeline, rows: "pa.Table", predictions: "np.ndarray", inputs: Sequence[str]) -> "pa.Table":
    """The rows with those columns that scored windows will have too: keys and what is carried, inputs, `prediction`."""
    import pyarrow as pa

    scored = rows.append_column(PREDICTION, pa.array(predictions))
    kept = dict.fromkeys((*carried(pipeline), *inputs, PREDICTION))
    return scored.select([name for name in kept if name in scored.column_names])


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
