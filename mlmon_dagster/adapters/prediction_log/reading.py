"""Reading the log: every whole row of a directory's segments, once, also while servers write and after they died."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlmon_dagster.adapters.prediction_log.destinations import KEPT, Destination
from mlmon_dagster.adapters.prediction_log.frames import Scan, scan, seed_of
from mlmon_dagster.adapters.prediction_log.rows import SegmentHeader, table_of
from mlmon_dagster.adapters.prediction_log.segments import SUFFIX, began, prefix_of, segment_files
from mlmon_dagster.errors import DataError, MissingError

if TYPE_CHECKING:
    import pyarrow as pa

QUARANTINE = "quarantine"
LOOKS = 5
"""How often a destination is read again whose objects are put together meanwhile."""

SLACK = timedelta(hours=2)
"""How far a row's time may lie from its segment's beginning: longer than a segment lasts."""


@dataclass(frozen=True)
class SegmentContent:
    """What a segment says; `header` is `None` where nothing in it was ever acknowledged."""

    name: str
    header: SegmentHeader | None
    scan: Scan
    content: bytes

    @property
    def rows(self) -> "pa.Table | None":
        """The rows, or `None` without a header."""
        return table_of(self.header, self.scan.payloads[1:]) if self.header else None


def read_segment(path: Path) -> SegmentContent:
    """The segment's whole frames; whatever is torn is in `scan.damaged`. `DataError` when its header is lost."""
    return segment_of(path.name, path.read_bytes())


def segment_of(name: str, content: bytes) -> SegmentContent:
    """The same of a segment's bytes, wherever they were kept."""
    found = scan(content, seed_of(name))
    try:
        header = SegmentHeader.decoded(found.payloads[0]) if found.payloads else None
    except DataError as error:
        raise DataError(
            f"the segment {name} has lost its header: {len(found.payloads)} payloads in it cannot be read",
            hint="the shipper puts it into the folder `quarantine` beside the log",
        ) from error
    return SegmentContent(name, header, found, content)


def may_hold(name: str, start: datetime | None, end: datetime | None) -> bool:
    """Whether a segment of that name can hold rows of `[start, end)`."""
    moment = began(name)
    return (start is None or moment >= start - SLACK) and (end is None or moment < end + SLACK)


@contextmanager
def finished(path: Path) -> Iterator[bool]:
    """Whether nobody writes the segment any more; its lock is held for as long as the context lasts.

    A segment whose writer died is finished, too: the lock ends with the process, whatever ended it.
    """
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield os.fstat(file).st_nlink > 0
    except BlockingIOError:
        yield False
    finally:
        os.close(file)


def set_aside(segment: SegmentContent, directory: Path) -> int:
    """Keeps the bytes that are no whole frame in `quarantine/`, for people to look at; how many bytes they are."""
    total = 0
    for start, end in segment.scan.damaged:
        torn = segment.content[start:end].rstrip(b"\0")  # zeros that were written ahead
        if torn:
            folder = directory / QUARANTINE
            folder.mkdir(exist_ok=True)
            (folder / f"{segment.name}.{start}.torn").write_bytes(torn)
            total += len(torn)
    return total


def read_segments(directory: Path, start: datetime | None = None, end: datetime | None = None) -> "list[pa.Table]":
    """The rows of every segment in the directory that can hold rows of `[start, end)`, oldest segment first."""
    tables = []
    for path in segment_files(directory):
        if may_hold(path.name, start, end):
            try:
                rows = read_segment(path).rows
            except FileNotFoundError:  # it was shipped meanwhile
                continue
            tables += [rows] if rows is not None else []
    return tables


def read_predictions(
    directory: Path, shipped: Destination | None, model: str, start: datetime | None, end: datetime | None
) -> "pa.Table | None":
    """The predictions that callers of the model got in `[start, end)`, by time, each request id once.

    It is what monitoring windows and labels read. What shadows answered and what probes asked is left out.
    Segments that are here are read before those that were shipped: one that is shipped meanwhile is read twice, and
    counted once. `None` when nothing was ever logged in that time.
    """
    found = read_origin(directory, shipped, model, None, start, end)
    return united(found, start, end)


def read_origin(
    directory: Path,
    shipped: Destination | None,
    model: str,
    origin: str | None,
    start: datetime | None,
    end: datetime | None,
) -> "list[pa.Table]":
    """Tables that may hold rows of `[start, end)` whose requests were made by `origin`, `None` meaning callers."""
    import pyarrow.compute as pc

    tables = read_segments(directory, start, end)
    tables = [table.filter(pc.equal(table["model"], model)) for table in tables]
    if shipped is not None:
        tables = _read_settled(shipped, model, start, end) + tables
    return [_made_by(origin, table) for table in tables]


def _made_by(origin: str | None, table: "pa.Table") -> "pa.Table":
    import pyarrow.compute as pc

    if "origin" not in table.column_names:  # shipped before requests said who made them
        return table if origin is None else table.slice(0, 0)
    return table.filter(pc.is_null(table["origin"]) if origin is None else pc.equal(table["origin"], origin))


def _read_settled(shipped: Destination, model: str, start: datetime | None, end: datetime | None) -> "list[pa.Table]":
    """What lies at the destination; read again where objects were put together meanwhile."""
    for _ in range(LOOKS):
        try:
            return _read_shipped(shipped, model, start, end)
        except MissingError:
            continue
    return _read_shipped(shipped, model, start, end)


def _read_shipped(shipped: Destination, model: str, start: datetime | None, end: datetime | None) -> "list[pa.Table]":
    import io

    import pyarrow.parquet as pq

    prefix, first = prefix_of(model), (start - SLACK).date() if start else None
    last = (end + SLACK).date() if end else None
    tables = []
    for key in shipped.keys(prefix):
        name = key.rpartition("/")[2]
        if key.endswith(KEPT) and (first is None or began(name).date() >= first):
            if last is not None and began(name).date() > last:
                break
            if may_hold(name, start, end):
                content = shipped.get(key)
                if key.endswith(SUFFIX):
                    rows = segment_of(name, content).rows
                    tables += [rows] if rows is not None else []
                    continue
                table = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
                tables.append(table.replace_schema_metadata())
    return tables


def united(tables: "list[pa.Table]", start: datetime | None, end: datetime | None) -> "pa.Table | None":
    """The rows of `[start, end)` by time, each request id once (the first); `None` without any table."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not tables:
        return None
    whole = pa.concat_tables(tables, promote_options="permissive")
    if start is not None:
        whole = whole.filter(pc.greater_equal(whole["predicted_at"], pa.scalar(start, pa.timestamp("ns", "UTC"))))
    if end is not None:
        whole = whole.filter(pc.less(whole["predicted_at"], pa.scalar(end, pa.timestamp("ns", "UTC"))))
    order = pa.array(range(whole.num_rows), pa.int64())
    whole = whole.append_column("_order", order).sort_by([("predicted_at", "ascending"), ("_order", "ascending")])
    places = pa.array(range(whole.num_rows), pa.int64())
    keyed = pa.table({"id": whole["request_id"], "place": places})
    first = keyed.group_by("id").aggregate([("place", "min")])["place_min"]
    kept = whole.take(first.combine_chunks().sort())
    return kept.drop_columns(["_order"])
