"""Signatures of models by OpenSSF's `model-signing` (the extra `signing`): who registered it, whoever keeps it.

A signature covers every file that the digest covers; it lies beside them as `model.sig` and is not part of the digest.
"""

import os
from pathlib import Path
from typing import Any

from mlmon_dagster.adapters.admission.findings import Finding, NotAdmittedError
from mlmon_dagster.errors import InputError

SIGNATURE = "model.sig"
SIGN_VARIABLE = "MLMON_MODEL_SIGNING_KEY"
"""Names the private key (PEM, elliptic curve) that models are signed with when they are registered."""
VERIFY_VARIABLE = "MLMON_MODEL_KEY"
"""Names the public key (PEM) that every model must be signed with where it is loaded."""

NOT_SIGNED = (SIGNATURE, "manifest.json", "registered_model_meta")


def sign(directory: Path) -> bool:
    """Signs the model where a key is set; whether it was."""
    key = os.environ.get(SIGN_VARIABLE)
    if not key:
        return False
    signing = _library("signing")
    try:
        config = signing.Config().use_elliptic_key_signer(private_key=key)
        config.set_hashing_config(_hashing(directory)).sign(directory, directory / SIGNATURE)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"the model cannot be signed with the key that {SIGN_VARIABLE} names: {error}") from error
    return True


def verify_signature(directory: Path) -> None:
    """Where a key is set, raises `NotAdmittedError` (SIGNATURE) unless the model carries its signature."""
    key = os.environ.get(VERIFY_VARIABLE)
    if not key:
        return
    if not (directory / SIGNATURE).is_file():
        raise NotAdmittedError([Finding("SIGNATURE", SIGNATURE, f"there is none, and {VERIFY_VARIABLE} asks for one")])
    verifying = _library("verifying")
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
        config.set_hashing_config(_hashing(directory)).verify(directory, directory / SIGNATURE)
    except Exception as error:  # the library's errors have no common base, and whatever it raises is a no
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NotAdmittedError([Finding("SIGNATURE", SIGNATURE, f"it does not verify: {reason[:200]}")]) from error


def _hashing(directory: Path) -> Any:
    return (
        _library("hashing")
        .Config()
        .set_ignored_paths(paths=[directory / name for name in NOT_SIGNED], ignore_git_paths=False)
    )


def _library(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"model_signing.{module}")
    except ImportError as error:
        raise InputError(
            f"signatures need the extra `signing`: {error}", hint="pip install 'mlmon_dagster[signing]'"
        ) from error
