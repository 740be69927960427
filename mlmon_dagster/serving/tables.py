"""Batches as Arrow streams and CSV: read into the model's columns, and answered in kind."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.serving.body import ARROW, CSV
from mlmon_dagster.serving.messages import Answer
from mlmon_dagster.serving.problems import ProblemError
from mlmon_dagster.serving.records import names_problem

if TYPE_CHECKING:
    import pyarrow as pa

    from mlmon_dagster.serving.predictions import ScoredBatch


def read_table(kind: bytes, body: bytes, inputs: Sequence[ModelInput]) -> "pa.Table":
    """The body's rows with the model's columns in its order; `ProblemError` 400 or 422 says what does not fit."""
    import pyarrow as pa

    names = [column.name for column in inputs]
    try:
        table = _csv(body, inputs) if kind == CSV else pa.ipc.open_stream(body).read_all()
    except (pa.ArrowException, OSError, EOFError) as error:
        form = "CSV" if kind == CSV else "an Arrow stream"
        raise ProblemError(400, f"the body is not {form} that can be read: {str(error).splitlines()[0]}") from error
    unknown = [name for name in table.column_names if name not in names]
    twice = sorted({name for name in names if table.column_names.count(name) > 1})
    missing = [column.name for column in inputs if column.name not in table.column_names and not column.nullable]
    if twice:
        raise ProblemError(422, f"the body has the column {', '.join(twice)} more than once")
    if unknown or missing:
        raise names_problem("", unknown, missing, names)
    if not table.num_rows:
        raise ProblemError(422, "the body has no row")
    columns = {column.name: _column(table, column) for column in inputs}
    return pa.table(columns)


def _csv(body: bytes, inputs: Sequence[ModelInput]) -> "pa.Table":
    import pyarrow as pa
    from pyarrow import csv

    kinds = {column.name: _type(column) for column in inputs}
    options = csv.ConvertOptions(
        column_types=kinds, null_values=[""], strings_can_be_null=True, true_values=["true"], false_values=["false"]
    )
    return csv.read_csv(pa.BufferReader(body), convert_options=options)


def _type(column: ModelInput) -> "pa.DataType":
    import pyarrow as pa

    kinds = {"boolean": pa.bool_(), "string": pa.string(), "timestamp": pa.timestamp("us", "UTC")}
    return kinds.get(column.kind, pa.float64())


def _column(table: "pa.Table", column: ModelInput) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, _type(column))])
    values = table.column(column.name)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if _family(values.type) != _family(_type(column)):
        raise ProblemError(422, f"{column.name} expects {column.kind}, got a column of {values.type}")
    try:
        values = values.cast(_type(column))
    except pa.ArrowInvalid as error:
        raise ProblemError(422, f"{column.name}: {error}") from error
    if not column.nullable:
        _refuse(pc.is_null(values), f"{column.name} is null, and the reference the model was trained on never was")
    if pa.types.is_floating(values.type):
        _refuse(pc.invert(pc.is_finite(values)), f"{column.name} is not a finite number")
        if column.kind == "integer":
            _refuse(pc.not_equal(values, pc.floor(values)), f"{column.name} expects an integer")
    return values


def _refuse(wrong: "pa.ChunkedArray", sentence: str) -> None:
    """`ProblemError` names the first row, counted from 0, that is wrong."""
    import pyarrow.compute as pc

    place = pc.index(wrong, True).as_py()
    if place >= 0:
        raise ProblemError(422, f"row {place}: {sentence}")


def _family(kind: "pa.DataType") -> str:
    import pyarrow as pa

    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "number"
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        return "text"
    return "moment" if pa.types.is_timestamp(kind) else str(kind)


def matrix_of_table(table: "pa.Table") -> np.ndarray:
    """A table of numbers and booleans as float64 rows, NaN where a value is missing."""
    import pyarrow as pa

    columns = [table.column(name).cast(pa.float64()).to_numpy() for name in table.column_names]
    return np.stack(columns, axis=1)


def records_of_table(table: "pa.Table") -> list[list[Any]]:
    """The table's rows as lists of plain values; moments as text with their offset."""
    columns = [
        [value.isoformat() if hasattr(value, "isoformat") else value for value in table.column(name).to_pylist()]
        for name in table.column_names
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def table_answer(kind: bytes, batch: "ScoredBatch", facts: dict[str, str]) -> Answer:
    """`prediction`, `drift_score` and `drift_max` of every row, as CSV or an Arrow stream; `facts` go to headers."""
    import pyarrow as pa
    from pyarrow import csv

    table = pa.table({"prediction": batch.predictions, "drift_score": batch.means, "drift_max": batch.largest})
    sink = io.BytesIO()
    if kind == CSV:
        csv.write_csv(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    headers = "".join(f"{name}: {value}\r\n" for name, value in facts.items()).encode()
    return Answer(sink.getvalue(), kind=CSV if kind == CSV else ARROW, headers=headers)
