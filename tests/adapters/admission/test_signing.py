"""Signed models: only what was signed with the key, as it was signed."""

import shutil

import pytest
from registered import profile, reference
from sklearn.linear_model import LinearRegression

from mlmon_dagster.adapters.admission import signing
from mlmon_dagster.adapters.admission.findings import NotAdmittedError
from mlmon_dagster.adapters.mlflow.manifest import Manifest
from mlmon_dagster.adapters.mlflow.model_directory import load_model, write_model
from mlmon_dagster.errors import InputError

pytest.importorskip("model_signing")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two pairs of key files: (private, public)."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    folder, made = tmp_path_factory.mktemp("keys"), []
    for name in ("ours", "theirs"):
        key = ec.generate_private_key(ec.SECP256R1())
        private, public = folder / f"{name}.pem", folder / f"{name}.pub"
        plain = form.NoEncryption()
        private.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, plain))
        public.write_bytes(key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
        made.append((str(private), str(public)))
    return made


@pytest.fixture(scope="module")
def signed(tmp_path_factory, keys):
    frame, directory = reference(), tmp_path_factory.mktemp("models") / "signed"
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv(signing.SIGN_VARIABLE, keys[0][0])
        write_model(directory, LinearRegression().fit(frame, frame.sqft), frame, profile(frame))
    return directory


def _loaded(directory, monkeypatch, key):
    monkeypatch.setenv(signing.VERIFY_VARIABLE, key)
    return load_model(directory)


def test_a_signed_model_is_loaded_and_its_digest_does_not_depend_on_the_signature(signed, tmp_path, keys, monkeypatch):
    assert _loaded(signed, monkeypatch, keys[0][1]).form.compiled
    unsigned = tmp_path / "m"
    shutil.copytree(signed, unsigned)
    (unsigned / "model.sig").unlink()
    assert Manifest.of(unsigned).digest == Manifest.of(signed).digest
    with pytest.raises(NotAdmittedError, match="asks for one"):
        _loaded(unsigned, monkeypatch, keys[0][1])
    monkeypatch.delenv(signing.VERIFY_VARIABLE)
    assert load_model(unsigned).form.compiled


def test_a_signature_of_another_key_or_another_model_is_refused(signed, tmp_path, keys, monkeypatch):
    with pytest.raises(NotAdmittedError, match="SIGNATURE"):
        _loaded(signed, monkeypatch, keys[1][1])
    other = tmp_path / "m"
    shutil.copytree(signed, other)
    (other / "notes.txt").write_text("x")
    Manifest.of(other).write(other)
    with pytest.raises(NotAdmittedError, match="SIGNATURE"):
        _loaded(other, monkeypatch, keys[0][1])


def test_a_key_that_cannot_be_read_is_said(signed, tmp_path, monkeypatch):
    monkeypatch.setenv(signing.SIGN_VARIABLE, str(tmp_path / "nowhere.pem"))
    with pytest.raises(InputError, match="cannot be signed with the key that MLMON_MODEL_SIGNING_KEY names"):
        signing.sign(signed)
