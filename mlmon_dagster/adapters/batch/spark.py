"""The same scoring on Spark: every executor scores its own pieces of the folder."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.batch.folder import BatchFolder, DoneFile
from mlmon_dagster.adapters.batch.scorer import BatchScorer, check_columns
from mlmon_dagster.errors import FailedError, InputError, MlmonError

if TYPE_CHECKING:
    import pyarrow as pa

PIECES = 1000
"""Tasks that the files are spread over at most."""


def score_on_spark(source: Path, target: Path, model: Path, version: int, master: str | None = None) -> int:
    """Scores the whole folder into `target`, which must not hold anything; the number of rows that were set aside.

    `model` is the model directory, which every executor must reach under the same path. Raises `InputError` where
    pyspark is not installed. Rows that the model does not take are counted and left out.
    """
    try:
        from pyspark.sql import SparkSession
        from pyspark.sql.pandas.types import from_arrow_schema
    except ImportError:
        raise InputError(
            "pyspark is not installed, so nothing can be scored on Spark",
            hint="install pyspark and Java, or leave out --engine spark: one machine scores millions of rows a minute",
        ) from None
    if target.exists() and any(target.iterdir()):
        raise InputError(f"{target} is not empty: Spark writes a folder as a whole", hint="choose another folder")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("mlmon batch-predict")
    spark = (builder.master(master) if master else builder).getOrCreate()
    scorer = BatchScorer.open(model, version)
    frame = spark.read.parquet(str(source))
    check_columns(tuple(frame.columns), scorer, str(source))
    counter = spark.sparkContext.accumulator(0)
    directory, digest = str(model), scorer.digest

    def score(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        worker = BatchScorer.open(Path(directory), version, digest)
        for batch in batches:
            scored = worker.score(batch)
            counter.add(scored.aside.num_rows)
            yield scored.rows

    example = scorer.score(_arrow(frame.limit(1)))
    schema = from_arrow_schema(example.rows.schema)
    try:
        frame.mapInArrow(score, schema).write.mode("error").parquet(str(target))
    except Exception as error:  # Spark's errors come from another language and have no common base
        raise FailedError(f"Spark could not score {source}: {str(error).splitlines()[0]}") from error
    return int(counter.value)


def score_files_on_spark(
    session: Any, folder: BatchFolder, model: Path, files: Sequence[Path]
) -> tuple[list[DoneFile], dict[str, str]]:
    """Scores each file where a worker has time for it, as `BatchFolder.score` does here: equal files, each at once.

    What became of the files, and why some could not be scored. Workers reach both folders and the model directory under
    the same paths, and have this package.
    """
    names = [(str(file),) for file in files]
    pieces = min(len(names), PIECES)
    frame = session.createDataFrame(names, "file string").repartition(pieces)
    source, target, directory = str(folder.source), str(folder.target), str(model)
    version, digest = folder.scorer.version, folder.scorer.digest

    def score(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        scorer = BatchScorer.open(Path(directory), version, digest)
        worker = BatchFolder(Path(source), Path(target), scorer)
        for batch in batches:
            told = [_told(worker, Path(name)) for name in batch.column(0).to_pylist()]
            yield pa.RecordBatch.from_pydict({"told": pa.array(told, pa.string())})

    try:
        rows = frame.mapInArrow(score, "told string").collect()
    except Exception as error:  # Spark's errors come from another language and have no common base
        raise FailedError(f"Spark could not score {source}: {str(error).splitlines()[0]}") from error
    found = [json.loads(row.told) for row in rows]
    done = [DoneFile(**one["done"]) for one in found if "done" in one]
    failed = {one["file"]: one["failed"] for one in found if "failed" in one}
    return sorted(done, key=lambda one: one.file), failed


def _told(worker: BatchFolder, file: Path) -> str:
    try:
        return json.dumps({"done": asdict(worker.score(file))})
    except MlmonError as error:
        return json.dumps({"file": str(file.relative_to(worker.source)), "failed": error.message})


def _arrow(frame: Any) -> "pa.RecordBatch":
    """The frame as Arrow; without pandas in between, so that types stay."""
    import pyarrow as pa

    table = frame.toArrow() if hasattr(frame, "toArrow") else pa.Table.from_batches(frame._collect_as_arrow())
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
