"""Files of a model that are not those that were registered: refused with their code, whatever opens the model."""

import shutil

import pytest
from registered import profile, reference, register_versions
from sklearn.linear_model import LinearRegression

from mlmon_dagster.adapters.batch.scorer import BatchScorer
from mlmon_dagster.adapters.mlflow.manifest import Manifest
from mlmon_dagster.adapters.mlflow.model_directory import load_model, write_model
from mlmon_dagster.adapters.mlflow.registry import open_registry
from mlmon_dagster.errors import DataError


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    frame, directory = reference(), tmp_path_factory.mktemp("models") / "good"
    write_model(directory, LinearRegression().fit(frame, frame.sqft), frame, profile(frame))
    return directory


def _flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


SWAPPED = {
    "M15 a file that nobody registered": (lambda model: (model / "more.json").write_text("{}"), "EXTRA", "more.json"),
    "M17 one bit of the model": (lambda model: _flip(model / "model.skops"), "DIGEST", "model.skops was changed"),
    "M17 one bit of the reference": (lambda model: _flip(model / "profile.npz"), "DIGEST", "profile.npz was changed"),
    "M17 one bit of the compiled form": (lambda model: _flip(model / "compiled/form.json"), "DIGEST", "form.json"),
    "M25 cut": (lambda model: (model / "model.skops").write_bytes(b"PK"), "DIGEST", "model.skops was changed"),
    "M25 lost": (lambda model: (model / "profile.npz").unlink(), "DIGEST", "profile.npz is missing"),
}


@pytest.mark.parametrize("case", SWAPPED)
@pytest.mark.parametrize("opened", [load_model, lambda model: BatchScorer.open(model, 1)], ids=["server", "batch"])
def test_it_is_refused_with_its_code(good, tmp_path, case, opened):
    model = tmp_path / "model"
    shutil.copytree(good, model)
    opened(model)
    swap, code, sentence = SWAPPED[case]
    swap(model)
    with pytest.raises(DataError) as refused:
        opened(model)
    assert f"[{code}]" in refused.value.message
    assert sentence in refused.value.message


def test_m18_a_manifest_made_for_other_bytes_does_not_have_the_digest_that_was_approved(good, tmp_path):
    model, approved = tmp_path / "model", Manifest.read(good).digest
    shutil.copytree(good, model)
    _flip(model / "profile.npz")
    Manifest.of(model).write(model)
    with pytest.raises(DataError, match=r"\[DIGEST\] .* expected " + approved[:12]):
        load_model(model, approved)


def test_m19_what_is_changed_after_the_check_does_not_reach_the_private_copy(tmp_path):
    settings, (version,) = register_versions(tmp_path / "home", 1)
    registry, copy = open_registry(settings), tmp_path / "copy"
    registry.export(version, copy)
    (kept,) = registry.artifacts.rglob("model.skops")
    kept.write_bytes(b"PK")
    assert load_model(copy, version.digest).predict(reference()[:2]).shape == (2,)
    with pytest.raises(DataError, match=r"\[DIGEST\] .* model\.skops was changed"):
        registry.export(version, tmp_path / "again")
