"""The sandbox: what an admitted model still tries to do ends the process, and is told."""

import shutil

import pytest
import skops.io
import smoke_functions
from registered import profile, reference
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mlmon_dagster.adapters.admission.findings import NotAdmittedError
from mlmon_dagster.adapters.admission.smoke import smoke
from mlmon_dagster.adapters.mlflow.model_directory import write_model

FOLDER = smoke_functions.__file__.rpartition("/")[0]

TRIED = {
    "M45 opens_a_socket": "SANDBOX",
    "M46 reads_secrets": "SANDBOX",
    "M45 starts_a_program": "SANDBOX",
    "M45 catches_what_stops_it": "SANDBOX",
    "M45 writes_a_file": "SANDBOX",
    "M47 dies": "SANDBOX",
    "M47 dies_natively": "CRASH",
    "M43 takes_memory": "LIMIT",
    "M43 never_ends": "LIMIT",
    "M42 is_not_finite": "SMOKE",
    "M42 raises": "SMOKE",
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    frame, directory = reference(), tmp_path_factory.mktemp("models") / "good"
    write_model(directory, LinearRegression().fit(frame, frame.sqft), frame, profile(frame))
    return directory


def _calling(good, directory, function):
    shutil.copytree(good, directory)
    frame = reference()
    model = make_pipeline(FunctionTransformer(), LinearRegression()).fit(frame, frame.sqft)
    model.set_params(functiontransformer__func=function)
    skops.io.dump(model, directory / "model.skops")
    return directory


def test_a_good_model_passes(good):
    smoke(good)


def test_the_environment_is_not_there_to_be_read(good, tmp_path, monkeypatch):
    monkeypatch.setenv("MLMON_TEST_SECRET", "x")
    smoke(_calling(good, tmp_path / "m", smoke_functions.reads_the_environment), [FOLDER])


QUICK = ("M45 opens_a_socket", "M47 dies_natively", "M42 is_not_finite")
"""One of each kind; starting a process with scikit-learn takes seconds."""


@pytest.mark.parametrize(
    "case", [*QUICK, *(pytest.param(case, marks=pytest.mark.slow) for case in TRIED if case not in QUICK)]
)
def test_what_a_model_must_not_do_is_told_with_its_code(good, tmp_path, case):
    directory = _calling(good, tmp_path / "m", getattr(smoke_functions, case.split()[1]))
    with pytest.raises(NotAdmittedError) as caught:
        smoke(directory, [FOLDER], seconds=8)
    assert caught.value.codes == (TRIED[case],), caught.value
