"""The durability class `remote`: each group of predictions is kept at the destination, not on this machine's disk."""

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import groupby

from mlmon_dagster.adapters.prediction_log.destinations import Destination
from mlmon_dagster.adapters.prediction_log.frames import frames, seed_of
from mlmon_dagster.adapters.prediction_log.reading import segment_of
from mlmon_dagster.adapters.prediction_log.segments import SUFFIX, began, prefix_of
from mlmon_dagster.adapters.prediction_log.shipping import parquet_of
from mlmon_dagster.errors import DataError, MissingError, MlmonError

REACHED = "_reached/"
"""Where a server that could not write tries whether it can again."""

SETTLED = timedelta(minutes=2)
"""A group's object is left alone until nobody can be writing it any more."""


@dataclass
class RemoteWriter:
    """Writes each group of payloads as an object of its own; it is kept there when `commit` returns.

    The object is a whole segment, under a name that no other ever has: `<UTC time>-<boot>-<number>.wal`. Used by one
    thread at a time.
    """

    destination: Destination
    model: str
    header: bytes
    boot: str = field(default_factory=lambda: os.urandom(8).hex())
    _number: int = 0

    def commit(self, payloads: Sequence[bytes], now: float, *, defer: bool = False) -> None:
        """Keeps the payloads; `OSError` when that could not be done. Without any it only tries the destination."""
        self._number += 1
        moment = datetime.fromtimestamp(now, timezone.utc)
        name = f"{moment:%Y%m%dT%H%M%S}-{self.boot}-{self._number:06d}{SUFFIX}"
        content = frames((self.header, *payloads), seed_of(name))
        key = f"{prefix_of(self.model)}dt={moment:%Y-%m-%d}/{name}" if payloads else f"{REACHED}{self.boot}"
        try:
            if payloads:
                self.destination.put_new(key, content, hashlib.sha256(content).hexdigest())
            else:
                self.destination.put_new(key, b"", hashlib.sha256(b"").hexdigest())
        except MlmonError as error:
            raise OSError(errno.EIO, error.message) from error

    def flush(self) -> None:
        """Nothing is ever deferred."""

    def due(self, now: float) -> bool:
        """Nothing stays open."""
        return False

    def close(self) -> None:
        """Nothing stays open."""


@dataclass(frozen=True)
class Gathered:
    """Objects of one minute of one server that are one Parquet file now."""

    key: str
    objects: int
    rows: int


def gather(destination: Destination, now: datetime) -> Iterator[Gathered]:
    """Puts the objects of each server's minute together in one Parquet file, and removes them.

    A crash between the two leaves rows twice, which readers count once.
    """
    keys = [key for key in destination.keys("") if key.endswith(SUFFIX) and now - _moment(key) > SETTLED]
    for _, group in groupby(sorted(keys, key=_server_and_minute), key=_server_and_minute):
        objects = sorted(group)
        if (found := _gathered(destination, objects)) is not None:
            yield found
        for key in objects:
            destination.remove(key)


def _gathered(destination: Destination, keys: Sequence[str]) -> Gathered | None:
    import pyarrow as pa

    tables: list[pa.Table] = []
    digest = hashlib.sha256()
    for key in keys:
        try:
            content = destination.get(key)
        except MissingError:  # another server's shipper was quicker
            return None
        segment = segment_of(_name(key), content)
        if segment.scan.damaged or segment.rows is None:
            raise DataError(f"{key} is damaged", hint="it is left where it is; look at it before it is removed")
        digest.update(content)
        tables.append(segment.rows)
    rows = pa.concat_tables(tables, promote_options="permissive")
    whole = f"{keys[0].removesuffix(SUFFIX)}-{keys[-1].removesuffix(SUFFIX)[-6:]}.parquet"
    destination.put_new(whole, parquet_of(rows, _name(whole), digest.hexdigest()), digest.hexdigest())
    return Gathered(whole, len(keys), rows.num_rows)


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _moment(key: str) -> datetime:
    return began(_name(key))


def _server_and_minute(key: str) -> tuple[str, str, str]:
    folder, _, name = key.rpartition("/")
    return folder, name.split("-")[1], name[:13]
