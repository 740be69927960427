"""One folder of Parquet files into another: file by file, each written at once, each with a manifest to resume by."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.batch.scorer import BatchScorer, check_columns
from mlmon_dagster.errors import DataError, FailedError, InputError, MissingError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536
"""Rows in memory at a time."""

MANIFESTS = "_manifests"
ASIDE = "_set_aside"
"""Folders of the output for what was done, and for rows that the model does not take; readers of Parquet folders skip
names that begin with `_`.
"""


@dataclass(frozen=True)
class DoneFile:
    """What became of one input file."""

    file: str
    """Its path in the input folder, and in the output folder."""
    size: int
    modified_ns: int
    model: str
    """Digest of the model."""
    version: int
    rows: int
    set_aside: int
    drift_score: float | None
    """Mean drift score of its rows."""
    high: int
    """Rows with a drift score above 2."""
    digest: str
    """SHA-256 of the output file."""


@dataclass(frozen=True)
class BatchFolder:
    """An input folder, an output folder, and the model between them."""

    source: Path
    target: Path
    scorer: BatchScorer

    def files(self) -> list[Path]:
        """The Parquet files of the input, in order; `MissingError` when there is none."""
        if not self.source.is_dir():
            raise MissingError(f"there is no folder {self.source}")
        inside, outside = self.target.resolve(), self.source.resolve()
        if inside == outside or outside in inside.parents:
            raise InputError(
                f"the output {self.target} lies inside the input {self.source}", hint="choose another folder"
            )
        found = parquet_files(self.source)
        if not found:
            raise MissingError(f"there is no Parquet file in {self.source}")
        return found

    def done(self, file: Path) -> DoneFile | None:
        """What is recorded of a file, if it is still the same, was scored by this model, and its output is there."""
        told = self.recorded(file)
        ours = told is not None and (told.model, told.version) == (self.scorer.digest, self.scorer.version)
        return told if ours else None

    def recorded(self, file: Path) -> DoneFile | None:
        """The same, whichever model scored it."""
        name = str(file.relative_to(self.source))
        try:
            told = DoneFile(**json.loads(self._manifest(name).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        state = file.stat()
        same = (told.size, told.modified_ns) == (state.st_size, state.st_mtime_ns)
        return told if same and (self.target / name).is_file() else None

    def score(self, file: Path, progress: Callable[[int], None] = lambda rows: None) -> DoneFile:
        """Scores one file; its output appears whole or not at all. `progress` is told of rows as they are done.

        Raises `DataError` for a file that cannot be read or lacks an input, `FailedError` when the model cannot.
        """
        name, state = str(file.relative_to(self.source)), file.stat()
        output, aside = self.target / name, self.target / ASIDE / name
        output.parent.mkdir(parents=True, exist_ok=True)
        with _Writer(output) as rows, _Writer(aside) as others:
            total = high = 0
            drift = 0.0
            for batch in self._batches(file):
                scored = self.scorer.score(batch)
                if scored.invalid:
                    raise FailedError(f"{name}: {scored.invalid} predictions of the model are not finite numbers")
                rows.write(scored.rows)
                if scored.aside.num_rows or not others.empty:
                    others.write(scored.aside)
                scores = scored.rows.column("drift_score").to_numpy()
                total, drift, high = total + len(scores), drift + float(scores.sum()), high + int((scores > 2).sum())
                progress(batch.num_rows)
        found = DoneFile(
            name, state.st_size, state.st_mtime_ns, self.scorer.digest, self.scorer.version, total, others.rows,
            drift / total if total else None, high, rows.digest,
        )  # fmt: skip
        manifest = self._manifest(name)
        manifest.parent.mkdir(parents=True, exist_ok=True)
        part = manifest.with_name(f".{manifest.name}")
        part.write_text(json.dumps(asdict(found)))
        part.replace(manifest)
        return found

    def _batches(self, file: Path) -> "Iterator[pa.RecordBatch]":
        """The file in pieces; an empty file gives one piece without rows, so that its output has the same columns."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            opened = pq.ParquetFile(file, pre_buffer=False)
            check_columns(tuple(opened.schema_arrow.names), self.scorer, str(file))
            if not opened.metadata.num_rows:
                yield pa.RecordBatch.from_pylist([], schema=opened.schema_arrow)
            yield from opened.iter_batches(BATCH_ROWS)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"[CORRUPT] {file} cannot be read as Parquet: {error}") from error

    def _manifest(self, name: str) -> Path:
        return self.target / MANIFESTS / f"{name}.json"


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files in a folder and below, in order; names that begin with `.` or `_` do not count."""
    return sorted(path for path in folder.rglob("*.parquet") if not _hidden(path.relative_to(folder)))


def count_rows(file: Path) -> int:
    """Rows of a Parquet file by its footer; 0 when it cannot be read: who scores it will say why."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(file).num_rows)
    except (pa.ArrowException, OSError):
        return 0


class _Writer:
    """A Parquet file that appears under its name when everything is written; nothing is left of it on an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._writer: Any = None
        self.rows = 0
        self.digest = ""

    @property
    def empty(self) -> bool:
        return self._writer is None

    def write(self, batch: "pa.RecordBatch") -> None:
        import pyarrow.parquet as pq

        try:
            if self._writer is None:
                self._part.parent.mkdir(parents=True, exist_ok=True)
                self._writer = pq.ParquetWriter(self._part, batch.schema, compression="zstd", compression_level=1)
            self._writer.write_batch(batch)
        except OSError as error:
            raise FailedError(f"{self._path} cannot be written: {error.strerror or error}") from error
        self.rows += batch.num_rows

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        if self._writer is None:
            if kind is None:
                self._path.unlink(missing_ok=True)
            return
        self._writer.close()
        if kind is not None:
            self._part.unlink(missing_ok=True)
            return
        with self._part.open("rb") as file:
            self.digest = _digest(file)
            os.fsync(file.fileno())
        self._part.replace(self._path)


def _digest(file: Any) -> str:
    found = hashlib.sha256()
    while block := file.read(1 << 20):
        found.update(block)
    return found.hexdigest()


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)
