"""Rows of files on a disk."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from mlmon_dagster.errors import MissingError
from mlmon_dagster.pipeline.windows import Window

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class File:
    """Reads one file, or every file that a glob matches: CSV, JSON lines (both also gzipped) or Parquet.

    Example: `{use: file, path: data/sales.csv.gz, time: date, key: [id]}`
    """

    path: Annotated[
        str,
        Field(min_length=1, description="file or glob (`data/*.parquet`), relative to the folder of the pipeline file"),
    ]

    def read(self, directory: Path, time: str | None, window: Window | None) -> "pyarrow.Table":
        """All rows, files in the order of their names; they are read whole and the caller cuts the window."""
        from mlmon_dagster.adapters.sources._files import join
        from mlmon_dagster.adapters.tables import read_table

        return join({str(path): read_table(path) for path in self._files(directory)})

    def fingerprint(self, directory: Path) -> str:
        """How the files look from outside: it changes when one is written; empty where there is none yet."""
        try:
            looks = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in self._files(directory)]
        except (MissingError, OSError):
            return ""
        return sha256(repr(looks).encode()).hexdigest()[:16]

    def _files(self, directory: Path) -> list[Path]:
        pattern = Path(self.path).expanduser()
        if not any(sign in self.path for sign in "*?["):
            if not (directory / pattern).is_file():
                raise MissingError(f"there is no file {directory / pattern}", hint="check `path` of the source")
            return [directory / pattern]
        base = Path(pattern.anchor) if pattern.is_absolute() else directory
        found = sorted(path for path in base.glob(str(pattern.relative_to(pattern.anchor))) if path.is_file())
        if not found:
            raise MissingError(f"no file matches {directory / pattern}", hint="check `path` of the source")
        return found
