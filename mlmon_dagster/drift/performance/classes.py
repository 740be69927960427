"""One name for a class, however labels, predictions and models write it."""

from typing import Any

import numpy as np

from mlmon_dagster.drift.column import Array


def class_name(value: Any) -> str:
    """The class as text: true and 1.0 are `1`, false and 0 are `0`, text stays as it is.

    >>> [class_name(value) for value in (True, 1, 1.0, "UP", 0.5)]
    ['1', '1', '1', 'UP', '0.5']
    """
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def class_names(values: Any) -> Array:
    """The class of every row."""
    array = np.asarray(values)
    if array.dtype.kind == "O":
        names: dict[Any, str] = {}
        return np.array([names.setdefault(value, class_name(value)) for value in array.tolist()], dtype=np.str_)
    distinct, places = np.unique(array, return_inverse=True)
    return np.array([class_name(value) for value in distinct.tolist()], dtype=np.str_)[places.reshape(-1)]
