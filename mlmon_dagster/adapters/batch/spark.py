"""The same scoring on Spark: workers score the pieces of a window, or the files of a folder."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.batch.folder import BatchFolder, DoneFile
from mlmon_dagster.adapters.batch.scorer import INVALID, BatchScorer, Numbers, as_batch
from mlmon_dagster.errors import FailedError, MlmonError

if TYPE_CHECKING:
    import pyarrow as pa

PIECES = 1000
"""Tasks that the files are spread over at most."""

EXAMPLES = 1000
"""Rows that are scored at a time here, to see of what kind the predictions are."""

PLACE = "__place"
"""Column of a row's place in its window; Spark promises no order."""


def numbers_on_spark(session: Any, scorer: BatchScorer, model: Path, table: "pa.Table") -> Numbers:
    """What `BatchScorer.numbers` says of a table, computed where workers have time for its pieces: the same, in order.

    Only the model's inputs go to the workers, which reach the model directory under the same path.
    """
    import pyarrow as pa
    from pyspark.sql.pandas.types import from_arrow_schema

    kind = _prediction_type(scorer, table)
    if kind is None:  # no row has a prediction
        return scorer.numbers(as_batch(table))
    directory, version, digest = str(model), scorer.version, scorer.digest
    numbers = [(name, pa.float64()) for name in ("drift_score", "drift_max")]
    schema = pa.schema([(PLACE, pa.int64()), ("prediction", kind), *numbers, ("reason", pa.string())])

    def score(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        worker = BatchScorer.open(Path(directory), version, digest)
        for batch in batches:
            yield _spread(batch.column(PLACE), worker.numbers(batch.drop_columns([PLACE])), schema)

    chosen = pa.table({PLACE: pa.array(range(table.num_rows), pa.int64()), **_inputs(scorer, table)})
    with _told_failing("the window"):
        found = session.createDataFrame(chosen).mapInArrow(score, from_arrow_schema(schema)).toArrow()
    ordered = found.combine_chunks().sort_by(PLACE)
    reasons = ordered.column("reason").combine_chunks()
    kept = ordered.filter(reasons.is_null())
    columns = tuple(kept.column(name).combine_chunks() for name in ("prediction", "drift_score", "drift_max"))
    invalid = sum(reason == INVALID for reason in reasons.drop_null().to_pylist())
    return Numbers(columns, reasons if reasons.null_count < len(reasons) else None, invalid)


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

    with _told_failing(source):
        rows = frame.mapInArrow(score, "told string").collect()
    found = [json.loads(row.told) for row in rows]
    done = [DoneFile(**one["done"]) for one in found if "done" in one]
    failed = {one["file"]: one["failed"] for one in found if "failed" in one}
    return sorted(done, key=lambda one: one.file), failed


def _told(worker: BatchFolder, file: Path) -> str:
    try:
        return json.dumps({"done": asdict(worker.score(file))})
    except MlmonError as error:
        return json.dumps({"file": str(file.relative_to(worker.source)), "failed": error.message})


def _prediction_type(scorer: BatchScorer, table: "pa.Table") -> "pa.DataType | None":
    """Of what kind the predictions are, by the first row that has one."""
    for batch in table.to_batches(max_chunksize=EXAMPLES):
        predictions = scorer.numbers(batch).columns[0]
        if len(predictions):
            return predictions.type
    return None


def _inputs(scorer: BatchScorer, table: "pa.Table") -> "dict[str, pa.ChunkedArray]":
    """The columns that the model takes, in types that Spark keeps as they are."""
    import pyarrow as pa

    def plain(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
        kind = column.type
        if pa.types.is_dictionary(kind) or pa.types.is_large_string(kind):
            return column.cast(pa.string())
        if pa.types.is_null(kind):
            return column.cast(pa.float64())
        return column.cast(pa.int64()) if pa.types.is_unsigned_integer(kind) else column

    return {one.name: plain(table.column(one.name)) for one in scorer.inputs}


def _spread(places: "pa.Array", found: Numbers, schema: "pa.Schema") -> "pa.RecordBatch":
    """One line for each row of the batch; a row with a reason has no numbers."""
    import numpy as np
    import pyarrow as pa

    if found.reasons is None:
        reasons, columns = pa.nulls(len(places), pa.string()), list(found.columns)
    else:
        reasons, kept = found.reasons, np.asarray(found.reasons.is_null())
        among = pa.array(np.cumsum(kept) - 1, mask=~kept)
        columns = [column.take(among) for column in found.columns]
    kinds = [field.type for field in schema][1:4]
    columns = [column.cast(kind) for column, kind in zip(columns, kinds, strict=True)]
    return pa.RecordBatch.from_arrays([places, *columns, reasons], schema=schema)


@contextmanager
def _told_failing(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Spark's errors come from another language and have no common base
        raise FailedError(f"Spark could not score {what}: {str(error).splitlines()[0]}") from error
