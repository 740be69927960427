"""How rows are read, and counted where they are."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow

    from mlmon_dagster.drift.profile import Profile
    from mlmon_dagster.pipeline.windows import Window


class SourceReader(Protocol):
    """Family `source`: reads rows as an Arrow table.

    With a window and the name of the time column a reader may leave out rows outside of the window (and should,
    where the far side can filter); the caller filters again. Relative paths are relative to `directory`,
    the folder of the pipeline file. Raises `DataError` for unreadable data, `UnavailableError` when out of reach.
    A source that can tell without reading whether its rows changed has `fingerprint(directory)` too.
    """

    def read(self, directory: Path, time: str | None, window: "Window | None") -> "pyarrow.Table": ...


@dataclass(frozen=True)
class Rows:
    """Rows where they are, before anybody has read them.

    Either a `table` (pandas, polars, Arrow, or an engine's own that has not been read yet), or a `place`: a path,
    folder, glob or URL of files, or the URL of a database. `query` says which of them: a SELECT statement, or a table's
    name. An engine whose declaration names a table of its own counts the rows of that one from `start` to before `end`.
    """

    table: Any = None
    place: str = ""
    query: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class Engine(Protocol):
    """Family `engine`: counts rows on a profile's grids where they are, and returns whole numbers, never rows.

    The counts are a profile `like` the one given: the columns that the rows have too, the same bytes from every
    engine. A column of another kind than the profile's has its kind and its rows, and nothing that could be measured.
    Raises `DataError` for rows that cannot be read, `InputError` for a place the engine does not reach,
    `UnavailableError` when it does not answer or its library is not installed.
    """

    def count(self, rows: Rows, profile: "Profile") -> "Profile": ...
