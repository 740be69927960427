"""What lies at a destination: each shipped file's digest and rows, as the audit log records them."""

import hashlib
import io
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta, timezone

from mlmon_dagster.adapters.prediction_log.destinations import Destination
from mlmon_dagster.adapters.prediction_log.segments import began, prefix_of
from mlmon_dagster.errors import MissingError
from mlmon_dagster.governance.shipments import ShippedFile

LATE = timedelta(days=7)
"""How long after its day a file may still come: a server's last segments are shipped when its disk is back."""


def new_files(destination: Destination, model: str, known: Collection[str], now: datetime) -> Iterator[ShippedFile]:
    """Parquet files of the model that are not known; of the last days only, where any is known."""
    since = (now - LATE).date() if known else datetime.min.replace(tzinfo=timezone.utc).date()
    for key in destination.keys(prefix_of(model)):
        name = key.rpartition("/")[2]
        if key.endswith(".parquet") and key not in known and began(name).date() >= since:
            try:
                yield file_at(destination, key)
            except MissingError:
                continue


def file_at(destination: Destination, key: str) -> ShippedFile:
    """One file as it is now; `MissingError` when it is gone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = destination.get(key)
    try:
        rows = pq.read_metadata(io.BytesIO(content)).num_rows
    except (pa.ArrowException, OSError):
        rows = 0
    return ShippedFile(key, hashlib.sha256(content).hexdigest(), rows)
