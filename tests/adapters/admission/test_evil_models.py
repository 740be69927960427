"""Every artifact that must not be loaded is refused with its code, at every door, and none of them runs."""

import shutil
import subprocess
import sys

import pytest
from evil_models import ARTIFACTS, tree_that_leads_outside
from registered import profile, reference
from sklearn.ensemble import RandomForestRegressor

from mlmon_dagster.adapters.admission.admitting import admit
from mlmon_dagster.adapters.admission.findings import NotAdmittedError
from mlmon_dagster.adapters.mlflow.manifest import Manifest
from mlmon_dagster.adapters.mlflow.model_directory import load_model, load_native, write_model
from mlmon_dagster.adapters.mlflow.pretrained import read_pretrained
from mlmon_dagster.errors import DataError, InputError

TOO_LARGE = ("M23 large", "M22 many files")
"""Not worth hashing."""


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    frame, directory = reference(), tmp_path_factory.mktemp("models") / "good"
    model = RandomForestRegressor(3, max_depth=3, random_state=0).fit(frame, frame.sqft)
    write_model(directory, model, frame, profile(frame))
    return directory


@pytest.fixture
def spoiled(good, tmp_path, request):
    directory = tmp_path / "model"
    shutil.copytree(good, directory)
    yield directory
    assert not (tmp_path / "executed").exists()


def test_a_good_model_is_admitted_and_loaded(good):
    admit(good)
    assert load_model(good).form.compiled
    assert load_native(good).n_features_in_ == 2


@pytest.mark.parametrize("case", ARTIFACTS)
def test_it_is_refused_with_its_code(spoiled, case):
    spoil, code = ARTIFACTS[case]
    spoil(spoiled)
    with pytest.raises(NotAdmittedError) as caught:
        admit(spoiled)
    assert code in caught.value.codes, caught.value
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("case", ARTIFACTS)
def test_it_is_refused_where_pretrained_models_are_taken(spoiled, case):
    ARTIFACTS[case][0](spoiled)
    with pytest.raises(InputError):
        read_pretrained(spoiled)


@pytest.mark.parametrize("case", [case for case in ARTIFACTS if case not in TOO_LARGE])
def test_it_is_refused_where_a_server_starts_even_with_a_manifest_made_for_it(spoiled, case):
    """A compiled model's skops file is not read there, so what is wrong inside of it does no harm."""
    ARTIFACTS[case][0](spoiled)
    try:
        Manifest.of(spoiled).write(spoiled)
    except DataError:
        return  # the manifest itself refuses links
    inside_of_skops = (
        ARTIFACTS[case][1] in ("NESTED", "UNTRUSTED", "SIZE") or "skops" in case or "leads outside" in case
    )
    if inside_of_skops and "profile" not in case and "unpacks" not in case:
        shutil.rmtree(spoiled / "compiled")
        Manifest.of(spoiled).write(spoiled)
    with pytest.raises(DataError):
        load_model(spoiled)


def test_a_tree_that_leads_outside_of_its_nodes_is_refused(spoiled):
    tree_that_leads_outside(spoiled)
    admit(spoiled)
    with pytest.raises(NotAdmittedError, match="lead outside"):
        load_native(spoiled)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04.", b"MZ"])
def test_a_lone_file_is_looked_into_as_well(tmp_path, content):
    (tmp_path / "m.skops").write_bytes(content)
    with pytest.raises(NotAdmittedError):
        read_pretrained(tmp_path / "m.skops")


def test_a_type_that_the_deployment_trusts_is_taken(spoiled, monkeypatch):
    ARTIFACTS["M31 function that runs text"][0](spoiled)
    monkeypatch.setenv("MLMON_TRUSTED_TYPES", "numpy.testing.runstring, numpy.testing._private.utils.runstring")
    admit(spoiled)


def test_admission_needs_no_library_that_could_be_led_astray(spoiled):
    program = (
        "import sys, pathlib\n"
        "from mlmon_dagster.adapters.admission.admitting import admit\n"
        "admit(pathlib.Path(sys.argv[1]), unread=('model.skops',))\n"
        "print(sorted({'skops', 'sklearn', 'onnx', 'mlflow', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(spoiled)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
