"""The model's declared inputs: names, types, whether a value may be missing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlmon_dagster.errors import DataError, InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

KINDS = {
    "double": "float",
    "float": "float",
    "long": "integer",
    "integer": "integer",
    "boolean": "boolean",
    "string": "string",
    "datetime": "timestamp",
}
"""MLflow's type of a column -> the word that a pipeline's schema has for it."""


@dataclass(frozen=True)
class ModelInput:
    """One input column: `kind` is float, integer, boolean, string or timestamp."""

    name: str
    kind: str
    nullable: bool = False


def read_inputs(directory: Path) -> tuple[ModelInput, ...]:
    """The inputs in the signature of the MLflow model in `directory`, in order.

    Raises `InputError` when the model has no signature by column, `DataError` when there is no model.
    """
    import yaml

    try:
        declared = yaml.load((directory / "MLmodel").read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe loader
        columns = json.loads(declared["signature"]["inputs"]) if declared.get("signature") else []
    except (OSError, ValueError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise DataError(f"{directory} holds no readable MLflow model (file MLmodel)") from error
    if not columns or any("name" not in column or column["type"] not in KINDS for column in columns):
        raise InputError(
            "the model has no signature with named columns, so nobody can tell what to send it",
            hint="save it with mlflow.sklearn.save_model(..., signature=mlflow.models.infer_signature(X, predictions))",
        )
    return tuple(
        ModelInput(column["name"], KINDS[column["type"]], not column.get("required", True)) for column in columns
    )


NUMBERS = frozenset(("float", "integer", "boolean"))
"""Kinds that a row of float64 holds."""


def matrix_of(frame: "pd.DataFrame", inputs: Sequence[ModelInput]) -> "np.ndarray | None":
    """The model's columns in its order as float64 rows, NaN where a value is missing; `None` where an input is no
    number. `DataError` names missing columns.
    """
    if any(column.kind not in NUMBERS for column in inputs):
        return None
    return conform(frame, inputs).to_numpy("float64", na_value=float("nan"))


def conform(frame: "pd.DataFrame", inputs: Sequence[ModelInput]) -> "pd.DataFrame":
    """The model's columns in its order and with one type for each kind, so that a row gives the same prediction
    whichever way it came: numbers are float64, the others bool, str and datetime64. `DataError` names missing columns.
    """
    missing = [column.name for column in inputs if column.name not in frame.columns]
    if missing:
        raise DataError(
            f"the model needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not there "
            f"(columns: {', '.join(map(str, frame.columns)) or 'none'})"
        )
    import pandas as pd

    return pd.DataFrame({column.name: _converted(frame[column.name], column) for column in inputs}, index=frame.index)


def _converted(values: "pd.Series", column: ModelInput) -> "pd.Series":
    import pandas as pd

    try:
        if column.kind == "timestamp":
            return pd.to_datetime(values, utc=True).dt.tz_localize(None)
        if column.kind == "string" or (column.kind == "boolean" and values.hasnans):
            return values.astype("object")
        return values.astype("bool" if column.kind == "boolean" else "float64")
    except (ValueError, TypeError) as error:
        raise DataError(f"the model's input {column.name} is a {column.kind}, got {values.dtype}: {error}") from error
