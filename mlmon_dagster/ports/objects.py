"""Where bytes are kept under keys."""

from collections.abc import Iterator
from typing import Protocol


class ObjectStore(Protocol):
    """Bytes under keys such as `house_prices/data_ingestion/2014-05-05/manifest.json`; a put is atomic and durable."""

    def put(self, key: str, content: bytes) -> None: ...

    def get(self, key: str) -> bytes:
        """Raises `MissingError`."""
        ...

    def exists(self, key: str) -> bool: ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that start with `prefix`, in order."""
        ...

    def delete(self, key: str) -> None: ...
