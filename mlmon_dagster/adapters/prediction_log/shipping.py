"""From finished segments to Parquet at a destination: each once, and removed here only when it is kept there."""

import fcntl
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlmon_dagster.adapters.prediction_log.destinations import DIGEST, Destination
from mlmon_dagster.adapters.prediction_log.disk import sync_directory
from mlmon_dagster.adapters.prediction_log.reading import QUARANTINE, SegmentContent, finished, read_segment, set_aside
from mlmon_dagster.adapters.prediction_log.segments import SUFFIX, began, prefix_of, segment_files
from mlmon_dagster.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Shipped:
    """One segment that is kept at the destination now."""

    segment: str
    key: str | None
    """`None` for a segment in which nothing was ever acknowledged."""
    rows: int
    sha256: str
    """Over the segment's whole frames."""
    torn_bytes: int
    new: bool


def ship(directory: Path, destination: Destination) -> Iterator[Shipped]:
    """Ships every finished segment, oldest first, also those of servers that died.

    The order of steps makes a crash at any of them harmless: convert, put under the segment's own name unless it is
    there, compare what is there, remove the segment. `UnavailableError` when the destination is out of reach: the
    segments stay.
    """
    for path in segment_files(directory):
        with finished(path) as done:
            if done:
                yield _shipped(path, directory, destination)


def _shipped(path: Path, directory: Path, destination: Destination) -> Shipped:
    try:
        segment = read_segment(path)
    except DataError:
        return _unreadable(path, directory)
    torn, digest, rows = set_aside(segment, directory), _digest(segment), segment.rows
    key, new = None, False
    if rows is not None and segment.header is not None and rows.num_rows:
        key = key_of(path.name, segment.header.model)
        new = destination.put_new(key, parquet_of(rows, path.name, digest), digest)
    path.unlink()
    sync_directory(directory)
    return Shipped(path.name, key, 0 if rows is None else rows.num_rows, digest, torn, new)


def _unreadable(path: Path, directory: Path) -> Shipped:
    """A segment that lost its header, so nobody can tell what its rows are: kept whole in the quarantine."""
    folder = directory / QUARANTINE
    folder.mkdir(exist_ok=True)
    size = path.stat().st_size
    path.rename(folder / path.name)
    sync_directory(directory)
    return Shipped(path.name, None, 0, "", size, False)


def key_of(segment: str, model: str) -> str:
    """The key of a segment: by model and the UTC day on which it began."""
    return f"{prefix_of(model)}dt={began(segment):%Y-%m-%d}/{segment.removesuffix(SUFFIX)}.parquet"


def parquet_of(rows: "pa.Table", segment: str, digest: str) -> bytes:
    """The rows as a Parquet file whose pages carry checksums."""
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    named = rows.replace_schema_metadata({DIGEST: digest, "mlmon-segment": segment})
    pq.write_table(named, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


@contextmanager
def alone(directory: Path) -> Iterator[bool]:
    """Whether nobody else ships this directory; so for as long as the context lasts."""
    file = os.open(directory / "shipping", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(file)


def _digest(segment: SegmentContent) -> str:
    found = hashlib.sha256()
    for payload in segment.scan.payloads:
        found.update(len(payload).to_bytes(4, "little"))
        found.update(payload)
    return found.hexdigest()
