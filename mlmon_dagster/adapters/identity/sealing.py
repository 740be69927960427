"""Sealing a secret with another one, so that neither the database nor its backups alone give it away."""

import base64
import hashlib
import os


def sealed(text: str, secret: str) -> str:
    """The text, to be opened again with the same secret of many random bits."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(12)
    return base64.b64encode(nonce + AESGCM(_key(secret)).encrypt(nonce, text.encode(), b"")).decode()


def unsealed(content: str, secret: str) -> str | None:
    """What was sealed; `None` when it was sealed with another secret, or changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        raw = base64.b64decode(content, validate=True)
        return AESGCM(_key(secret)).decrypt(raw[:12], raw[12:], b"").decode()
    except (InvalidTag, ValueError):
        return None


def _key(secret: str) -> bytes:
    """Another digest than the one that is kept of a session's secret."""
    return hashlib.sha256(b"mlmon sealing\0" + secret.encode()).digest()
