"""The registry port over MLflow: one suite for a database and for a server."""

import itertools
import threading
import time

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from mlmon_dagster.adapters.mlflow.connection import connect, shown
from mlmon_dagster.adapters.mlflow.registry import MlflowRegistry
from mlmon_dagster.drift.packing import pack
from mlmon_dagster.errors import DataError, InputError, MissingError, UnavailableError

PROFILE = pack({}, {})


@pytest.fixture
def name(request):
    return "model_" + "".join(letter for letter in request.node.name if letter.isalnum()).lower()


@pytest.fixture
def register(registry, name, frame, train):
    def call(seed=0, profile=PROFILE, facts=None):
        return registry.register(train(seed), name=name, example=frame, profile=profile, facts=facts or {})

    return call


def test_a_registered_version_is_found_with_its_digest_and_inputs(registry, register, name):
    version = register(facts={"owner": "team:pricing"})
    assert (version.name, version.number, version.inputs) == (name, 1, ("sqft", "bedrooms", "grade"))
    assert len(version.digest) == 64
    assert registry.version(name, 1) == version
    assert registry.versions(name) == [version]


def test_the_same_content_gives_the_same_version_and_other_content_the_next(registry, register, name):
    first, again, other, reference = (
        register(),
        register(),
        register(seed=1),
        register(profile=pack({"another": 1}, {})),
    )
    assert again == first
    assert [version.number for version in (first, other, reference)] == [1, 2, 3]
    assert len({version.digest for version in (first, other, reference)}) == 3
    assert [version.number for version in registry.versions(name)] == [3, 2, 1]


def test_a_loaded_model_predicts_what_the_fitted_one_did(registry, register, frame, train):
    loaded = registry.load(register())
    predictions = loaded.predict(frame[["grade", "sqft", "bedrooms"]])
    assert predictions.shape == (len(frame),)
    np.testing.assert_array_equal(predictions, train().predict(frame))


def test_profile_and_example_come_back(registry, register, frame):
    version = register()
    assert registry.profile(version) == PROFILE
    np.testing.assert_array_equal(registry.example(version).to_numpy(), frame.head(50).to_numpy())


def test_the_alias_moves_with_the_environment(registry, register, name):
    first, second = register(), register(seed=1)
    registry.point(first, "prod")
    registry.point(second, "prod")
    assert int(registry.client.get_model_version_by_alias(name, "prod").version) == 2
    assert registry.aliases(name) == {"prod": 2}
    assert registry.aliases("unheard_of") == {}


def test_an_unknown_version_names_the_known_ones(registry, register, name):
    register()
    with pytest.raises(MissingError, match=r"no version 9 of the model .* \(known: 1\)"):
        registry.version(name, 9)
    assert registry.versions("nobody") == []


def test_a_version_of_somebody_else_has_no_digest_and_is_not_taken(registry, name):
    registry.client.create_registered_model(name)
    run = registry.client.create_run(registry._experiment(name))
    registry.client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)
    with pytest.raises(InputError, match="has no digest"):
        registry.version(name, 1)
    assert registry.versions(name) == []


@pytest.mark.parametrize("damage", ["cut", "lost"])
def test_m25_what_did_not_arrive_whole_is_no_version(sqlite_registry, frame, train, monkeypatch, damage):
    from mlflow import MlflowClient

    upload = MlflowClient.log_artifacts

    def broken(client, run, folder, place=None):
        upload(client, run, folder, place)
        file = sqlite_registry.artifacts / run / "artifacts" / "model" / "model.skops"
        if damage == "cut":
            file.write_bytes(file.read_bytes()[:100])
        else:
            file.unlink()

    given = {"name": f"arrived_{damage}", "example": frame, "profile": pack({}, {}), "facts": {}}
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifacts", broken)
        with pytest.raises(DataError, match=r"model\.skops of the model did not arrive whole"):
            sqlite_registry.register(train(), **given)
    assert sqlite_registry.versions(given["name"]) == []
    version = sqlite_registry.register(train(), **given)
    assert sqlite_registry.load(version).predict(frame).shape == (len(frame),)


def test_m19_files_that_change_meanwhile_are_refused_or_were_verified(sqlite_registry, frame, train):
    """Somebody writes into the store all the time: what is loaded is a private copy, checked after it was taken."""
    version = sqlite_registry.register(train(), name="restless", example=frame, profile=pack({}, {}), facts={})
    other = sqlite_registry.register(train(1), name="restless", example=frame, profile=pack({}, {}), facts={})
    files = [
        sqlite_registry.artifacts / sqlite_registry._run(one) / "artifacts" / "model" / "model.skops"
        for one in (version, other)
    ]
    contents, over = [file.read_bytes() for file in files], threading.Event()

    def disturb():
        for number in itertools.count():
            if over.is_set():
                break
            exchanged = files[0].with_name("exchanged")
            exchanged.write_bytes(contents[number % 2])
            exchanged.replace(files[0])
            time.sleep(0.002)

    thread = threading.Thread(target=disturb)
    thread.start()
    seen = {"loaded": 0, "refused": 0}
    try:
        for _ in range(12):
            try:
                found = sqlite_registry.load(version)
            except (DataError, MissingError, UnavailableError):
                seen["refused"] += 1
                continue
            np.testing.assert_array_equal(found.predict(frame), train().predict(frame))
            seen["loaded"] += 1
    finally:
        over.set()
        thread.join()
    assert sum(seen.values()) == 12
    files[0].write_bytes(contents[0])
    np.testing.assert_array_equal(sqlite_registry.load(version).predict(frame), train().predict(frame))


def test_a_changed_file_is_named_and_never_loaded(sqlite_registry, frame, train):
    version = sqlite_registry.register(train(), name="tampered", example=frame, profile=pack({}, {}), facts={})
    run = sqlite_registry.client.get_model_version("tampered", "1").run_id
    (file,) = sqlite_registry.artifacts.glob(f"{run}/artifacts/model/model.skops")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"model\.skops was changed"):
        sqlite_registry.load(version)
    (file.parent / "extra.py").write_text("print()")
    with pytest.raises(DataError, match=r"extra\.py is not in the manifest"):
        sqlite_registry.profile(version)


def test_a_manifest_made_to_fit_the_change_does_not_fit_the_digest(sqlite_registry, frame, train):
    from mlmon_dagster.adapters.mlflow.manifest import Manifest

    version = sqlite_registry.register(train(), name="forged", example=frame, profile=pack({}, {}), facts={})
    run = sqlite_registry.client.get_model_version("forged", "1").run_id
    directory = sqlite_registry.artifacts / run / "artifacts" / "model"
    (directory / "profile.npz").write_bytes(b"q")
    Manifest.of(directory).write(directory)
    with pytest.raises(DataError, match="has digest"):
        sqlite_registry.load(version)


def test_a_model_that_only_pickle_could_keep_is_refused(sqlite_registry, frame):
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(FunctionTransformer(lambda rows: rows), LinearRegression()).fit(frame, frame.sqft)
    with pytest.raises(InputError, match="skops"):
        sqlite_registry.register(model, name="lambda", example=frame, profile=pack({}, {}), facts={})


def test_an_unreachable_server_is_said_without_its_password():
    with pytest.raises(UnavailableError) as caught:
        MlflowRegistry("http://user:secret@127.0.0.1:9").versions("any")
    assert "127.0.0.1:9" in caught.value.message
    assert "secret" not in str(caught.value)
    assert shown("http://user:secret@host/path") == "http://host/path"


def test_a_folder_is_refused_as_registry(tmp_path):
    with pytest.raises(InputError, match="MLflow no longer keeps models in plain folders"):
        connect(str(tmp_path))


def test_attached_files_come_back_and_leave_the_version_as_it_is(registry, register):
    version = register()
    registry.attach(version, {"seasons/day_of_week/005.profile": b"\x00saturday", "calibrations/inputs.json": b"{}"})
    registry.attach(version, {"calibrations/inputs.json": b"[]"})
    assert registry.attached(version, "seasons/day_of_week/005.profile") == b"\x00saturday"
    assert registry.attached(version, "calibrations/inputs.json") == b"[]"
    assert register() == version
    registry.load(version)


def test_a_file_that_was_never_attached_is_missing(registry, register):
    version = register()
    for path in ("calibrations/none.json", "none/of/these"):
        with pytest.raises(MissingError, match=f"has no attached file {path}"):
            registry.attached(version, path)
