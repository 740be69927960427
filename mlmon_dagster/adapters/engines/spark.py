"""The engine `spark`."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from mlmon_dagster.adapters.engines._pieces import added
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError, InputError, MissingError, MlmonError, UnavailableError
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import Rows

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

GROUPS = 8
"""Partial counts are added up in so many tasks before they come to the driver, whatever the number of partitions."""

OTHER = (".csv", ".csv.gz", ".json", ".jsonl", ".jsonl.gz", ".ndjson", ".txt")
"""Endings of files that are no Parquet."""

LOCAL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "4",
}
"""How a session in this process is opened: quiet, and on this machine only."""

COUNTS = "counts binary"
"""The one column of partial counts: profiles as bytes."""


@dataclass(frozen=True)
class Spark:
    """Counts on a Spark cluster, partition by partition, with the same kernel as in this process (`mapInArrow`).

    Takes the session that is there (EMR Serverless, Glue, Databricks), or opens one. This package must be installed on
    the workers. Needs `pip install mlmon_dagster[spark]` and Java 17.

    In a pipeline, `table` and `time` say which rows are a window's: those of the table from its start to before its
    end, instead of the rows that the stages kept.

    Example: `{use: spark, remote: "sc://spark.internal:15002", table: scored.sales, time: scored_at}`
    """

    remote: Annotated[str | None, Field(pattern="^sc://", description="address of a Spark Connect server")] = None
    master: Annotated[
        str | None, Field(description="master of a session that is opened here, such as local[2] or yarn")
    ] = None

    table: Annotated[
        str | None, Field(min_length=1, description="table of the catalogue with the rows of windows, schema.name")
    ] = None
    time: Annotated[str | None, Field(min_length=1, description="its column with each row's moment (UTC)")] = None

    def __post_init__(self) -> None:
        if (self.table is None) != (self.time is None):
            raise ValueError("`table` and `time` go together: which rows, and when they were")

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Data frames of Spark, Parquet at any place the cluster reads, and queries: of its tables, or of `rows`."""
        try:
            from py4j.protocol import Py4JJavaError
            from pyspark.errors import PySparkException
        except ImportError as error:
            raise UnavailableError("pyspark is not installed", hint="pip install 'mlmon_dagster[spark]'") from error
        from mlmon_dagster.adapters.engines._pieces import counted, shared

        try:
            frame = self._frame(rows)
            names = shared(profile, frame.columns)
            if not names:
                return Profile({}, 0)
            chosen = frame.select(*("`" + name.replace("`", "``") + "`" for name in names))
            partial = chosen.mapInArrow(_counting(profile.to_bytes(), names), COUNTS)
            found = partial.repartition(GROUPS).mapInArrow(_adding, COUNTS).collect()
            counts = _together([bytes(row.counts) for row in found])
            return counts if counts and counts.rows else counted(profile, names, [chosen.limit(0).toArrow()])
        except (PySparkException, Py4JJavaError) as error:
            raise _translated(error, rows) from error

    def _frame(self, rows: Rows) -> "DataFrame":
        if self.table is not None and self.time is not None and not rows.query:
            return _within(self.session().table(self.table), self.time, rows)
        if rows.table is None and not rows.place:
            return self.session().sql(rows.query or "")
        if rows.table is None:
            if rows.place.endswith(OTHER):
                raise InputError(f"the engine spark reads Parquet, not {rows.place}", hint="write it as Parquet")
            frame = self.session().read.option("mergeSchema", True).parquet(rows.place)
        elif hasattr(rows.table, "mapInArrow"):
            frame = rows.table
        else:
            frame = self.session().createDataFrame(rows.table)
        if rows.query is None:
            return frame
        frame.createOrReplaceTempView("rows")
        return frame.sparkSession.sql(rows.query)

    def session(self) -> "SparkSession":
        """The session that is there, or a new one."""
        from pyspark.sql import SparkSession

        there = SparkSession.getActiveSession()
        if there is not None:
            return there
        builder = SparkSession.builder.appName("mlmon")
        if self.remote:
            return _started(builder.remote(self.remote))
        if self.master:
            builder = builder.master(self.master)
            if self.master.startswith("local"):
                os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # its workers are of this environment
                for name, value in LOCAL.items():
                    builder = builder.config(name, value)
        return _started(builder)


def _within(frame: "DataFrame", time: str, rows: Rows) -> "DataFrame":
    """Moments are compared as such, whatever the session's time zone."""
    from pyspark.sql import functions

    if time not in frame.columns:
        raise MissingError(
            unknown("column of the table", time, tuple(frame.columns)), hint="check `time` of the engine"
        )
    column, kind = frame["`" + time.replace("`", "``") + "`"], dict(frame.dtypes)[time]
    if kind not in ("timestamp", "timestamp_ntz", "date"):
        raise DataError(f"the column {time!r} is {kind}, expected moments", hint="check `time` of the engine")
    zoned = kind == "timestamp"
    for moment, before in ((rows.start, False), (rows.end, True)):
        if moment is not None:
            plain = functions.lit(moment.strftime("%Y-%m-%d %H:%M:%S.%f")).cast("timestamp_ntz")
            limit = functions.lit(moment) if zoned else plain
            frame = frame.filter(column < limit if before else column >= limit)
    return frame


def _started(builder: "SparkSession.Builder") -> "SparkSession":
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        return builder.getOrCreate()
    except (PySparkException, Py4JJavaError, OSError) as error:
        first = str(error).splitlines()[0][:300]
        hint = "is Java 17 installed, and does the cluster answer?"
        raise UnavailableError(f"Spark does not start: {first}", hint=hint) from error


def _counting(profile: bytes, names: list[str]) -> "Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]":
    """What a worker does with the rows of its partition."""

    def count(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        from mlmon_dagster.adapters.engines._pieces import counted

        yield _partial(counted(Profile.from_bytes(profile), names, _pieces(batches)))

    return count


def _adding(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
    """What a worker does with partial counts."""
    total = _together(value.as_py() for batch in batches for value in batch.column(0))
    if total is not None:
        yield _partial(total)


def _together(counts: Iterable[bytes]) -> Profile | None:
    total: Profile | None = None
    for content in counts:
        one = Profile.from_bytes(content)
        total = one if total is None else added(total, one)
    return total


def _partial(profile: Profile) -> "pa.RecordBatch":
    import pyarrow as pa

    return pa.RecordBatch.from_pydict({"counts": pa.array([profile.to_bytes()], pa.binary())})


def _pieces(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.Table]":
    """Spark's batches are small (10,000 rows): several together are sorted at once."""
    import pyarrow as pa

    from mlmon_dagster.adapters.engines._pieces import PIECE_ROWS

    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= PIECE_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _translated(error: Any, rows: Rows) -> MlmonError:
    """An error of Spark, of its Java side or of a worker, in our words."""
    java = getattr(error, "java_exception", None)
    lines = [line for line in str(java.getMessage() if java else error).splitlines() if line.strip()] or ["no message"]
    in_worker = "Python worker" in lines[0]
    told = re.sub(r"^mlmon_dagster\.errors\.\w+: ", "", lines[-1 if in_worker else 0])[:300]
    if java is None and error.getCondition() == "PATH_NOT_FOUND":
        return MissingError(f"there is no file {rows.place}", hint="the workers must reach it too")
    if "CANNOT_MERGE_SCHEMAS" in lines[0]:
        return DataError(
            f"[SCHEMA] the files of {rows.place} hold a column in several types, which Spark does not merge",
            hint="write them in one type, or count with streaming or duckdb",
        )
    if java is None and rows.query is None and error.getCondition() == "TABLE_OR_VIEW_NOT_FOUND":
        name = (error.getMessageParameters() or {}).get("relationName", "of that name").replace("`", "")
        return MissingError(f"Spark knows no table {name}", hint="check `table` of the engine: schema.name")
    if rows.query is not None and java is None and not in_worker:
        return InputError(f"Spark refuses the query: {told}", hint="check the query")
    return DataError(f"Spark cannot count {rows.place or 'the rows'}: {told}")
