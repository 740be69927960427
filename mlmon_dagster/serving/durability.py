"""How predictions are kept: the classes of durability, and what is declared beside them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlmon_dagster.adapters.prediction_log.destinations import place_of, require_known
from mlmon_dagster.adapters.prediction_log.segments import (
    SEGMENT_BYTES,
    SEGMENT_SECONDS,
)

Durability = Literal["process", "local", "shared", "remote"]

DURABILITY = {
    "process": "a prediction is with the operating system before it is answered, on the disk within 0.2 seconds: "
    "it survives the end of the process, not a loss of power",
    "local": "a prediction is on this machine's disk (fdatasync) before it is answered: it survives a loss of power",
    "shared": "a prediction is on the shared file system (fdatasync) before it is answered: it survives the machine",
    "remote": "a prediction is kept where the log is shipped to before it is answered: it survives the machine",
}
"""What an answered prediction survives."""


@dataclass(frozen=True)
class LogOptions:
    """How predictions are kept.

    `when_full` says what happens while the disk cannot take them: `fail_closed` refuses predictions (503),
    `fail_open` gives them unlogged, which every answer, `/health` and `/metrics` say.
    """

    directory: Path
    durability: Durability = "local"
    when_full: Literal["fail_closed", "fail_open"] = "fail_closed"
    floor_bytes: int | None = None
    """Free bytes below which the disk counts as full; by default a tenth of the disk, at most 1 GiB."""
    queue_rows: int = 10_000
    """Payloads that may wait for the disk; more are refused."""
    segment_bytes: int = SEGMENT_BYTES
    segment_seconds: float = SEGMENT_SECONDS
    ship_to: str | None = "parquet"
    """Where finished segments are shipped: `s3://bucket/prefix`, a folder (relative to the log's), or nowhere."""
    sample: float = 1.0
    """Share of the requests that are logged, by a checksum of their id; every segment says it."""

    @property
    def destination(self) -> str | None:
        """Where segments are shipped, as an absolute path or a URL; `InputError` for a URL that nobody ships to."""
        if self.ship_to is None:
            return None
        place = place_of(self.ship_to, self.directory)
        require_known(place)
        return place
