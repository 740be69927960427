"""Models trained elsewhere."""

import pickle

import mlflow.sklearn
import numpy as np
import pytest
import skops.io
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

from mlmon_dagster.adapters.mlflow.pretrained import read_pretrained
from mlmon_dagster.drift.packing import pack
from mlmon_dagster.errors import InputError, MissingError


@pytest.fixture
def model(frame):
    return LinearRegression().fit(frame, frame.sqft)


def _save(model, path, frame, **options):
    options = {"serialization_format": "skops", "pip_requirements": ["scikit-learn==1.9.1"], **options}
    mlflow.sklearn.save_model(model, path, **options)
    return path


def test_an_mlflow_model_is_registered_by_path_once(sqlite_registry, frame, model, tmp_path):
    path = _save(model, tmp_path / "m", frame, input_example=frame.head(4))
    versions = [
        sqlite_registry.register_uri(str(path), name="bought", profile=pack({}, {}), facts={}) for _ in range(2)
    ]
    assert versions[0] == versions[1]
    np.testing.assert_allclose(sqlite_registry.load(versions[0]).predict(frame), frame.sqft)


def test_a_registered_model_is_a_uri_too(registry, frame, model):
    version = registry.register(model, name="mine", example=frame, profile=pack({}, {}), facts={})
    registry.point(version, "prod")
    for uri in (version.uri, "models:/mine@prod"):
        assert registry.pretrained(uri).inputs == ("sqft", "bedrooms", "grade")


def test_a_skops_file_of_a_model_fitted_on_names_is_taken(frame, model, tmp_path):
    skops.io.dump(model, tmp_path / "m.skops")
    assert read_pretrained(tmp_path / "m.skops").inputs == ("sqft", "bedrooms", "grade")


def test_inputs_come_from_the_signature_when_the_model_does_not_know_them(frame, tmp_path):
    model = LinearRegression().fit(frame.to_numpy(), frame.sqft)
    path = _save(model, tmp_path / "m", frame, signature=infer_signature(frame, model.predict(frame.to_numpy())))
    assert read_pretrained(path).inputs == ("sqft", "bedrooms", "grade")


def test_a_model_without_inputs_says_how_to_add_a_signature(frame, tmp_path):
    path = _save(LinearRegression().fit(frame.to_numpy(), frame.sqft), tmp_path / "m", frame)
    with pytest.raises(InputError, match="infer_signature"):
        read_pretrained(path)


@pytest.mark.parametrize("form", ["pickle", "cloudpickle"])
def test_a_pickled_mlflow_model_is_refused(frame, model, tmp_path, form):
    path = _save(model, tmp_path / "m", frame, serialization_format=form)
    with pytest.raises(InputError, match=f"kept as {form}, which runs code"):
        read_pretrained(path)


def test_a_pickle_file_is_refused_and_not_opened(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "opened"), "w"))

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError, match="pickles"):
        read_pretrained(tmp_path / "model.pkl")
    assert not (tmp_path / "opened").exists()


def test_nothing_at_the_path_is_missing(sqlite_registry):
    with pytest.raises(MissingError, match="no model at"):
        sqlite_registry.pretrained("/nowhere/model")
