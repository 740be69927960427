"""Probabilities of classes beside a window's predictions: one column for each class."""

from typing import TYPE_CHECKING, Any

from mlmon_dagster.drift.performance.classes import class_name

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow

PREFIX = "probability."
"""What the columns' names start with; the class follows."""

MAXIMUM_CLASSES = 50
"""Classes beyond which a model's probabilities are not kept: they would outweigh its inputs."""


def probability_columns(model: Any, inputs: "pd.DataFrame") -> "dict[str, np.ndarray]":
    """`probability.<class>` of every row; nothing for a model without probabilities, or with more than 50 classes.

    `model` is a fitted scikit-learn model, `inputs` are its columns.
    """
    import numpy as np

    if not len(inputs) or not hasattr(model, "predict_proba") or len(model.classes_) > MAXIMUM_CLASSES:
        return {}
    chances = np.asarray(model.predict_proba(inputs))
    return {f"{PREFIX}{class_name(one)}": chances[:, place] for place, one in enumerate(model.classes_.tolist())}


def read_probabilities(rows: "pyarrow.Table") -> "tuple[tuple[str, ...], np.ndarray] | None":
    """The classes and their probabilities, shape (rows, classes), as batch inference kept them; or nothing."""
    import numpy as np

    names = [name for name in rows.column_names if name.startswith(PREFIX)]
    if not names:
        return None
    columns = [rows.column(name).to_numpy() for name in names]
    return tuple(name.removeprefix(PREFIX) for name in names), np.column_stack(columns)
