"""Where shipped segments are kept: a folder or an S3 bucket; nothing there is ever written twice."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mlmon_dagster.adapters.prediction_log.disk import make_directory, sync_directory
from mlmon_dagster.errors import DataError, InputError, MissingError, UnavailableError

DIGEST = "mlmon-sha256"
"""The object's metadata that says what it was made of."""

ATTEMPTS = 5
KEPT = (".parquet", ".wal")
"""What a folder holds: shipped segments, and those of servers that keep every group there at once."""

UPLOAD_SECONDS = 60.0
"""Longer than any upload may take: no time-out of the client's own covers a peer that closes at the wrong moment."""


class Destination(Protocol):
    """Objects under keys such as `model=houses/dt=2026-01-31/<segment>.parquet`."""

    def put_new(self, key: str, content: bytes, digest: str) -> bool:
        """Keeps the content; whether it is new. `digest` tells what it was made of.

        `DataError` when something of another digest is there; `UnavailableError` when the destination is out of reach.
        """
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin with `prefix`, in order."""
        ...

    def get(self, key: str) -> bytes:
        """Raises `MissingError`."""
        ...

    def remove(self, key: str) -> None:
        """Nothing happens when it is not there."""
        ...


@dataclass(frozen=True)
class Folder:
    """A folder. What a file was made of is read from its own metadata."""

    path: Path

    def put_new(self, key: str, content: bytes, digest: str) -> bool:
        file = self.path / key
        make_directory(file.parent)
        part = file.with_name(f".{file.name}.{os.getpid()}")
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(part, file)
        except FileExistsError:
            if _digest_in(file.read_bytes()) != digest:
                raise _another(key) from None
            return False
        finally:
            part.unlink()
        sync_directory(file.parent)
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        folder = (self.path / prefix).parent if not prefix.endswith("/") else self.path / prefix
        files = (path for path in folder.rglob("*") if path.suffix in KEPT and not path.name.startswith("."))
        found = (path.relative_to(self.path).as_posix() for path in files)
        return iter(sorted(key for key in found if key.startswith(prefix)))

    def get(self, key: str) -> bytes:
        try:
            return (self.path / key).read_bytes()
        except FileNotFoundError:
            raise MissingError(f"{self.path / key} is not there") from None

    def remove(self, key: str) -> None:
        (self.path / key).unlink(missing_ok=True)


@dataclass(frozen=True)
class Bucket:
    """An S3 bucket, with a prefix that ends with `/` or is empty."""

    name: str
    prefix: str
    client: Any
    attempts: int = ATTEMPTS

    @classmethod
    def of(cls, url: str, *, attempts: int = ATTEMPTS, **client: Any) -> "Bucket":
        """From `s3://bucket/prefix`; `client` are arguments of boto3's client."""
        import boto3
        from botocore.config import Config

        name, _, prefix = url.removeprefix("s3://").partition("/")
        config = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1})
        made = boto3.client("s3", config=config, **client)
        made.meta.events.register("before-send.s3", _without_expect)
        return cls(name, f"{prefix.rstrip('/')}/" if prefix.strip("/") else "", made, attempts)

    def put_new(self, key: str, content: bytes, digest: str) -> bool:
        last: Exception | None = None
        for attempt in range(self.attempts):
            try:
                with within(UPLOAD_SECONDS):
                    return self._put(key, content, digest)
            except DataError:
                raise
            except Exception as error:  # a cut answer raises whatever the client's parser raises
                last = error
                time.sleep(min(5.0, 0.1 * 2**attempt))
        raise UnavailableError(f"s3://{self.name} cannot be written: {last}") from last

    def _put(self, key: str, content: bytes, digest: str) -> bool:
        new = True
        try:
            self._write(key, content, digest, IfNoneMatch="*")
        except self.client.exceptions.ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 412:
                raise
            new = False
        head = self.client.head_object(Bucket=self.name, Key=self.prefix + key)
        if head["Metadata"].get(DIGEST) != digest:
            raise _another(key)
        if head["ContentLength"] != len(content) and _digest_in(self.get(key)) != digest:
            self._write(key, content, digest, IfMatch=head["ETag"])  # an upload that was cut and kept all the same
        return new

    def _write(self, key: str, content: bytes, digest: str, **condition: str) -> None:
        self.client.put_object(
            Bucket=self.name, Key=self.prefix + key, Body=content, Metadata={DIGEST: digest}, **condition
        )

    def keys(self, prefix: str) -> Iterator[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=self.prefix + prefix)
        for page in pages:
            for found in page.get("Contents", ()):
                yield str(found["Key"]).removeprefix(self.prefix)

    def get(self, key: str) -> bytes:
        try:
            content: bytes = self.client.get_object(Bucket=self.name, Key=self.prefix + key)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            raise MissingError(f"s3://{self.name}/{self.prefix}{key} is not there") from None
        return content

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=self.prefix + key)


def destination_of(url: str, *, attempts: int = ATTEMPTS) -> Destination:
    """The destination behind `s3://bucket/prefix` or a folder's path; how often a put is tried."""
    require_known(url)
    return Bucket.of(url, attempts=attempts) if url.startswith("s3://") else Folder(Path(url))


def require_known(url: str) -> None:
    """`InputError` for what is neither a folder nor in S3."""
    if "://" in url and not url.startswith("s3://"):
        raise InputError(f"predictions are shipped to a folder or to s3://bucket/prefix, got {url}")


def place_of(declared: str | None, directory: Path) -> str:
    """Where servers that log in `directory` ship: a URL, or a folder, relative to the log's (by default `parquet`).

    >>> place_of("s3://bucket/prefix", Path("/log")), place_of(None, Path("/log"))
    ('s3://bucket/prefix', '/log/parquet')
    """
    declared = declared or "parquet"
    return declared if "://" in declared else str((directory / declared).absolute())


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises `TimeoutError` when the block takes longer, also out of an endless loop; in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise TimeoutError(f"it took longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _without_expect(request: Any, **_: Any) -> None:
    """botocore waits for `100 Continue` in a loop that spins for ever when the peer closes meanwhile
    (https://github.com/boto/botocore/issues/3755); the header is not signed.
    """
    request.headers.pop("Expect", None)


def _digest_in(content: bytes) -> str | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found: bytes | None = (pq.read_metadata(pa.BufferReader(content)).metadata or {}).get(DIGEST.encode())
    except (pa.ArrowException, OSError):
        return None
    return found.decode() if found is not None else None


def _another(key: str) -> DataError:
    return DataError(
        f"{key} is there already and was made of something else",
        hint="two servers must not ship segments of one name; look at both before anything is removed",
    )
