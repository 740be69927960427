"""Profiles as files, and profiles of rows wherever they are; Parquet files in constant memory."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, cast

from mlmon_dagster.adapters.parquet import ColumnStream, ParquetFiles, is_parquet, pieces_of
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.parts import Parts
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError, MissingError
from mlmon_dagster.plugins import name_of, unknown
from mlmon_dagster.ports import Engine, Rows

ZIP_MAGIC = b"PK\x03\x04"
"""What a profile begins with; no file of rows does."""

REGISTERED = "models:/"
"""What the profile of a registered model version is named by: `models:/name/1` or `models:/name@alias`."""


def read_profile(file: str) -> Profile:
    """The profile in a file; `MissingError` where there is none, `DataError` for a file that is something else."""
    try:
        content = Path(file).read_bytes()
    except FileNotFoundError:
        raise MissingError(f"there is no profile {file}", hint=f"mlmon profile build ROWS --out {file}") from None
    except OSError as error:
        raise InputError(f"the profile {file} cannot be read: {error.strerror}") from error
    try:
        return Profile.from_bytes(content)
    except DataError as error:
        raise DataError(f"{file}: {error.message}", hint=error.hint) from error


def write_profile(profile: Profile, file: str) -> int:
    """Writes the profile; gives its size in bytes."""
    content = profile.to_bytes()
    try:
        Path(file).write_bytes(content)
    except OSError as error:
        raise InputError(f"the profile cannot be written to {file}: {error.strerror}") from error
    return len(content)


def is_profile(place: str) -> bool:
    """Whether the place is a profile and not rows: a registered model version's, or a file whose first bytes tell."""
    if place.startswith(REGISTERED):
        return True
    if place == "-" or "://" in place or not Path(place).is_file():
        return False
    with Path(place).open("rb") as opened:
        return opened.read(len(ZIP_MAGIC)) == ZIP_MAGIC


@dataclass(frozen=True)
class Asked:
    """What a new profile should keep beside its columns."""

    covariance: bool = False
    scores: Mapping[str, str] = field(default_factory=dict)
    """Column of scores -> column of labels."""

    def of(self, columns: Mapping[str, Column]) -> Parts:
        """Those parts of nothing yet."""
        return Parts.like(columns, covariance=self.covariance, scores=self.scores)


class StreamingEngine(Engine, Protocol):
    """An engine whose rows come into this process: it can build a profile, and not only count like one."""

    def stream(self, rows: Rows) -> AbstractContextManager[ColumnStream]: ...


def streaming_engine(engine: Engine) -> StreamingEngine:
    """The engine, if it can build profiles; `InputError` for one that only counts."""
    if not hasattr(engine, "stream"):
        raise InputError(
            f"the engine {name_of(type(engine))} counts rows like a profile, it cannot choose the grids of a new one",
            hint="build the reference's profile with memory, streaming, duckdb or polars, then count windows like it",
        )
    return cast("StreamingEngine", engine)


def build_profile_by(
    engine: Engine,
    rows: Rows,
    names: Sequence[str] | None = None,
    *,
    like: Profile | None = None,
    exact: bool = False,
    parts: "Asked | None" = None,
) -> Profile:
    """The same by an engine: one profile for the same rows in the same order, whichever engine reads them."""
    if like is None:
        with streaming_engine(engine).stream(rows) as stream:
            for name in names or ():
                if name not in stream.names:
                    raise DataError(unknown("column", name, stream.names))
            return _built(stream, names or stream.names, exact, parts or Asked())
    found = engine.count(rows, like)
    for name, reference in like.columns.items():
        if name not in found.columns:
            raise DataError(f"there is no column {name!r}, which the reference has")
        kind = found.columns[name].kind
        if kind != reference.kind and found.columns[name].present:
            raise DataError(f"{name} is {kind} and the reference's is {reference.kind}")
    return found


def build_profile(
    place: str,
    names: Sequence[str] | None = None,
    *,
    like: Profile | None = None,
    exact: bool = False,
    parts: "Asked | None" = None,
) -> Profile:
    """The profile of the rows at a place (`adapters.inputs`), or their counts on the grids of another one.

    Raises `DataError` for rows without a column that is named or that the other profile has, and for no rows at all.
    """
    if is_parquet(place):
        files = ParquetFiles.of(place)
        if like is not None:
            return count_profile(like, files)
        return _built(files, names or files.names, exact, parts or Asked())
    from mlmon_dagster.adapters.inputs import read_input

    table, asked = read_input(place), parts or Asked()
    if like is not None:
        return like.counted(table)
    for name in names or ():
        if name not in table.column_names:
            raise DataError(unknown("column", name, tuple(table.column_names)))
    return Profile.of(
        table.select(names) if names else table, exact=exact, covariance=asked.covariance, scores=asked.scores
    )


def count_profile(profile: Profile, files: ParquetFiles) -> Profile:
    """The files' rows counted on a profile's grids, in one pass."""
    from mlmon_dagster.adapters.engines._pieces import counted_parts
    from mlmon_dagster.drift.building import counted

    columns = {name: counted(one, files.pieces(name)) for name, one in profile.columns.items()}
    together = files.tables([name for name in profile.parts.names if name in files.names])  # labels come late
    return Profile(columns, files.rows, counted_parts(profile.parts, together))


def _built(files: ColumnStream, names: Sequence[str], exact: bool, asked: "Asked") -> Profile:
    from mlmon_dagster.adapters.engines._pieces import counted_parts
    from mlmon_dagster.drift.building import built

    if not files.rows:
        raise DataError("the reference is empty", hint="nothing can be compared with it: choose a period that has rows")
    columns = {
        name: built(name, partial(pieces_of, files, name), partial(_sample, files, name), exact=exact) for name in names
    }
    parts = asked.of(columns)
    return Profile(columns, files.rows, counted_parts(parts, files.tables(parts.names)))


def _sample(files: ColumnStream, name: str) -> Column:
    """Every k-th row of all files: at most a million, whatever pieces they are read in."""
    import pyarrow as pa

    from mlmon_dagster.drift.building import SAMPLE
    from mlmon_dagster.drift.frames import columns_of

    step, seen, chosen = -(-files.rows // SAMPLE), 0, []
    for batch in files.batches(name):
        places = range(-seen % step, batch.num_rows, step)
        chosen.append(batch.take(pa.array(places, pa.int64())))
        seen += batch.num_rows
    return columns_of(pa.Table.from_batches(chosen), [name])[name]
