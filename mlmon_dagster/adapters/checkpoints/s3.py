"""Checkpoints in an S3 bucket, locked against everybody where the bucket has Object Lock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from mlmon_dagster.errors import UnavailableError

NUMBER = "{:012d}"


@dataclass(frozen=True)
class CheckpointBucket:
    """See `ports.CheckpointStore`: `<prefix>/notes/<size>-<time>` and `<prefix>/leaves/<first>-<last>`.

    With a lock (`COMPLIANCE`: nobody, root included, deletes or shortens it; `GOVERNANCE`: who has the permission can)
    every object is kept for `days`. Every note is kept, also those of idle intervals.
    """

    bucket: str
    prefix: str = "checkpoints"
    lock: str = ""
    days: int = 3650
    endpoint: str | None = None

    def newest(self) -> str | None:
        names = list(self._names("notes"))
        return self._get(names[-1]).decode() if names else None

    def notes(self) -> Iterator[str]:
        for name in self._names("notes"):
            yield self._get(name).decode()

    def leaves(self) -> Iterator[tuple[int, bytes]]:
        for name in self._names("leaves"):
            yield int(name.rpartition("/")[2].partition("-")[0]), self._get(name)

    def put(self, size: int, note: str, leaves: bytes) -> None:
        count = len(leaves) // 32
        if count:
            part = f"{NUMBER.format(size - count + 1)}-{NUMBER.format(size)}"
            self._put(f"{self.prefix}/leaves/{part}", leaves)
        moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")
        self._put(f"{self.prefix}/notes/{NUMBER.format(size)}-{moment}", note.encode())

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        patience = Config(retries={"max_attempts": 3, "mode": "standard"}, connect_timeout=5, read_timeout=10)
        return boto3.client("s3", endpoint_url=self.endpoint, config=patience)

    def _put(self, key: str, content: bytes) -> None:
        until = datetime.now(timezone.utc) + timedelta(days=self.days)
        locked = {"ObjectLockMode": self.lock, "ObjectLockRetainUntilDate": until} if self.lock else {}
        with _translated(self.bucket):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=content, ChecksumAlgorithm="SHA256", **locked)

    def _get(self, key: str) -> bytes:
        with _translated(self.bucket):
            content: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def _names(self, kind: str) -> Iterator[str]:
        with _translated(self.bucket):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=f"{self.prefix}/{kind}/"
            )
            found = [one["Key"] for page in pages for one in page.get("Contents", [])]
        yield from sorted(found)


class _translated:
    """A failure of S3 as one of ours."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(error, BotoCoreError | ClientError):
            said = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            raise UnavailableError(f"checkpoints cannot be kept in the bucket {self._bucket}: {said}") from error
