"""Our `compatible: evidently` against the installed Evidently, on whatever shape."""

import warnings

import numpy as np
import pandas as pd
import pytest
import shapes
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.peers import Compatible

THEIRS = {
    "auto": None,
    "ks": "ks",
    "chi_square": "chisquare",
    "z": "z",
    "wasserstein": "wasserstein",
    "jensen_shannon": "jensenshannon",
    "psi": "psi",
    "hellinger": "hellinger",
}
NUMERIC = ("auto", "ks", "wasserstein", "jensen_shannon", "psi", "hellinger")
CATEGORICAL = ("auto", "chi_square", "jensen_shannon", "psi", "hellinger")


def evidently(reference: np.ndarray, window: np.ndarray, method: str, kind: str) -> tuple[float, bool]:
    """Evidently's score and verdict for one column."""
    columns = {"numerical_columns": ["x"]} if kind == "numeric" else {"categorical_columns": ["x"]}
    definition = DataDefinition(**columns)
    sides = [Dataset.from_pandas(pd.DataFrame({"x": side}), definition) for side in (window, reference)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = Report([ValueDrift(column="x", method=THEIRS[method])], include_tests=True).run(*sides)
    found = report.dict()
    return float(found["metrics"][0]["value"]), found["tests"][0]["status"].value == "FAIL"


def check(reference: np.ndarray, window: np.ndarray, method: str, kind: str) -> None:
    value, drifted = evidently(reference, window, method, kind)
    compared = Compatible.of("evidently", method).compare(Column.of("x", reference), Column.of("x", window))

    assert compared.value == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)
    assert compared.drifted == drifted


@pytest.mark.parametrize("shape", shapes.numbers())
@pytest.mark.parametrize("method", NUMERIC)
def test_a_column_of_numbers_has_evidentlys_number_and_verdict(shape, method):
    check(*shapes.numbers()[shape], method, "numeric")


@pytest.mark.parametrize("shape", shapes.categories())
@pytest.mark.parametrize("method", CATEGORICAL)
def test_a_column_of_categories_has_evidentlys_number_and_verdict(shape, method):
    check(*shapes.categories()[shape], method, "categorical")


def test_the_z_test_of_two_categories_is_evidentlys():
    check(*shapes.categories()["two"], "z", "categorical")
