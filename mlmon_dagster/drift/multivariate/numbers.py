"""The covariance of a table's columns of numbers, as joint methods learn and keep it."""

import json

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.covariance import Covariance
from mlmon_dagster.drift.multivariate.encoding import is_numeric
from mlmon_dagster.drift.multivariate.joint import Learned, Table
from mlmon_dagster.drift.native import native
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import unknown


def covariance_of(reference: Table) -> Covariance:
    """The covariance of the columns of numbers; columns of text are left out."""
    columns = {name: Column.of(name, values) for name, values in reference.items() if is_numeric(values)}
    return window_covariance(Covariance.like(columns), reference)


def window_covariance(like: Covariance, window: Table) -> Covariance:
    """Rows on the axes of another covariance; `DataError` names a column that is not there."""
    rows = {}
    for name in like.names:
        if name not in window:
            raise DataError(unknown("column", name, tuple(window)))
        rows[name] = native(name, np.asarray(window[name]), None)
    return like.counted(rows)


def kept_covariance(covariance: Covariance) -> Learned:
    """As it is kept of a reference."""
    about, arrays = covariance.packed()
    return Learned({"covariance": json.dumps(about)}, {f"covariance.{name}": one for name, one in arrays.items()})


def read_covariance(learned: Learned) -> Covariance:
    """From what `kept_covariance` gave."""
    return Covariance.unpacked(
        json.loads(learned.about["covariance"]), lambda name: learned.arrays[f"covariance.{name}"]
    )
