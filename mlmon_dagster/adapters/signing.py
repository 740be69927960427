"""The Ed25519 key that signs checkpoints, from a file, the environment or Secrets Manager."""

import base64
import binascii
import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlmon_dagster.errors import InputError

RENEWED_SECONDS = 5.0
"""A key that was looked at and is still the same is not looked at again before: it may be behind a network."""


class Ed25519Signer:
    """See `ports.Signer`; `seed` is asked for the secret of 32 bytes at first use, and again by `renewed`."""

    def __init__(self, seed: Callable[[], bytes]) -> None:
        self._seed = seed
        self._key: Any = None
        self._looked = float("-inf")

    @property
    def _private(self) -> Any:
        if self._key is None:
            self._key = self._read()
        return self._key

    def _read(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self._seed())

    @property
    def public(self) -> bytes:
        return _public(self._private)

    def sign(self, message: bytes) -> bytes:
        signature: bytes = self._private.sign(message)
        return signature

    def renewed(self) -> bool:
        if time.monotonic() - self._looked < RENEWED_SECONDS:
            return False
        read = self._read()
        if _public(read) == self.public:
            self._looked = time.monotonic()
            return False
        self._key = read
        return True

    def verifies(self, public: bytes, message: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def _public(private: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    raw: bytes = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return raw


def seed_of(text: str, where: str) -> bytes:
    """The secret that base64 text holds; the error never repeats it."""
    try:
        seed = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        seed = b""
    if len(seed) != 32:
        raise InputError(
            f"{where} does not hold an Ed25519 key: expected 32 bytes as base64",
            hint="make one: head -c 32 /dev/urandom | base64",
        )
    return seed


def file_seed(file: Path) -> bytes:
    """The secret in a file that only its owner can read; made at first use, by one process of several."""
    try:
        if not file.exists():
            _make(file)
        if file.stat().st_mode & 0o077:
            raise InputError(f"the key {file} can be read by others than its owner", hint=f"chmod 600 {file}")
        return seed_of(file.read_text(encoding="ascii", errors="replace"), f"the file {file}")
    except OSError as error:
        raise InputError(f"the key {file} cannot be used: {error.strerror}") from error


def next_key(file: Path) -> Path:
    """The file of the key that is to follow the one in `file`; made once, so that an interrupted rotation goes on."""
    following = file.with_name(f"{file.name}.next")
    file_seed(following)
    return following


def replace_key(file: Path, retired: str) -> Path:
    """The next key takes the place of the one in `file`, which is kept beside it as `<file>.<retired>`."""
    kept = file.with_name(f"{file.name}.{retired}")
    try:
        with contextlib.suppress(FileExistsError):
            os.link(file, kept)
        os.replace(file.with_name(f"{file.name}.next"), file)
    except OSError as error:
        raise InputError(f"the key {file} cannot be replaced: {error.strerror}") from error
    return kept


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=file.parent, prefix=".key-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as sink:
            sink.write(base64.b64encode(os.urandom(32)).decode() + "\n")
            sink.flush()
            os.fsync(sink.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(part, file)
    finally:
        os.unlink(part)
