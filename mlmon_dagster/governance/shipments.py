"""Shipped predictions as the audit log names them."""

from dataclasses import dataclass

SHIPPED = "predictions.shipped"
"""The action of an entry that names files: its subject is the place, `files` holds key, digest and rows of each."""


@dataclass(frozen=True)
class ShippedFile:
    """A file of predictions at its destination."""

    key: str
    sha256: str
    rows: int
