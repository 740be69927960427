"""Stage 3: computes the declared features of every window and keeps them for point-in-time joins."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.assets.callables import call
from mlmon_dagster.assets.stage import CheckResult, StageResult, StageRun
from mlmon_dagster.errors import BlockedError, DataError, InputError
from mlmon_dagster.lifecycle.features import connect, quoted
from mlmon_dagster.lifecycle.outputs import Output
from mlmon_dagster.pipeline.spec import CallableFeature, FeatureStore
from mlmon_dagster.plugins import unknown

if TYPE_CHECKING:
    import duckdb
    import pyarrow

CHECKS: Mapping[str, str] = {"features": "Every declared feature has values."}
"""Check name -> what it says, for every check that the stage always reports."""


def run(stage: StageRun) -> StageResult:
    """Adds the declared features to the window's prepared rows; every prepared column passes through.

    Raises `MissingError` when the window was not prepared, `BlockedError` when it was ingested again since, and
    `InputError` naming the feature that cannot be computed.
    """
    window = stage.window
    assert window is not None  # noqa: S101 - the asset is partitioned by window
    declared = stage.pipeline.stages.feature_store
    rows = stage.outputs.read(stage.upstream("data_preparation"), window.key)
    prepared = _require_present(stage, window.key)
    _require_key(rows, declared)
    table = compute(rows, declared, stage.directory)
    output = stage.outputs.write(
        stage.key, window.key, table, inputs={"data_preparation": prepared.digest}, facts={"key": list(declared.key)}
    )
    missing = {name: table.column(name).null_count / table.num_rows for name in declared.features if table.num_rows}
    metrics = {"rows": float(output.rows), **{f"missing.{name}": share for name, share in missing.items()}}
    return StageResult(
        output.digest, metrics, (_judge(declared, missing, output.rows),), {"columns": table.column_names}
    )


def compute(rows: "pyarrow.Table", declared: FeatureStore, directory: Path) -> "pyarrow.Table":
    """The rows with one column more for each feature, in the order of their declaration.

    A feature may use those declared before it. What is not finite (a division by zero) is no value. Raises `InputError`
    with the feature's name, what went wrong and the columns that there are.
    """
    with connect() as connection:
        for name, feature in declared.features.items():
            if name in rows.column_names:
                raise InputError(f"feature {name!r} has the name of a prepared column", hint="call it something else")
            if isinstance(feature, CallableFeature):
                column = _called(name, feature, rows, directory)
            else:
                column = _selected(connection, name, feature, rows)
            rows = rows.append_column(name, column)
    return rows


def _selected(
    connection: "duckdb.DuckDBPyConnection", name: str, expression: str, rows: "pyarrow.Table"
) -> "pyarrow.Array":
    """One SQL expression over the rows, computed alone so that what fails is known by name."""
    import duckdb
    import pyarrow as pa

    connection.register("rows", rows.append_column("_row", pa.array(range(rows.num_rows), pa.int64())))
    statement = f"SELECT _row, ({expression}\n) AS {quoted(name)} FROM rows ORDER BY _row"  # noqa: S608 - sandboxed
    try:
        if len(connection.extract_statements(statement)) != 1:
            raise _cannot(name, f"it is not one expression: {expression}", rows)
        table = connection.sql(statement).to_arrow_table()
    except duckdb.Error as error:
        raise _cannot(name, _first_line(error), rows) from error
    if table.num_columns != 2:
        raise _cannot(name, f"it is not one expression: {expression}", rows)
    if table.num_rows != rows.num_rows:
        raise _cannot(name, f"it gives {table.num_rows} values for {rows.num_rows} rows", rows)
    return _plain(name, table.column(name).combine_chunks(), rows)


def _called(name: str, feature: CallableFeature, rows: "pyarrow.Table", directory: Path) -> "pyarrow.Array":
    import pyarrow as pa

    values = call(feature.call, directory, rows.to_pandas())
    if not hasattr(values, "__len__") or len(values) != rows.num_rows:
        came = f"{len(values)} values" if hasattr(values, "__len__") else type(values).__name__
        raise _cannot(name, f"{feature.call} returned {came} for {rows.num_rows} rows", rows)
    try:
        return _plain(name, pa.array(values, from_pandas=True), rows)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise _cannot(name, f"{feature.call} returned values of no one type: {_first_line(error)}", rows) from error


def _plain(name: str, values: Any, rows: "pyarrow.Table") -> "pyarrow.Array":
    """Numbers that models take: decimals and wide integers as floats, what is not finite as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    kind = values.type
    if pa.types.is_decimal(kind):
        values = pc.cast(values, pa.float64(), safe=False)
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
    plain = (pa.types.is_integer, pa.types.is_decimal, pa.types.is_boolean, pa.types.is_string, pa.types.is_null)
    if any(test(kind) for test in plain) or pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return values
    raise _cannot(name, f"it is a {kind}; a feature is a number, text, boolean or time", rows)


def _cannot(name: str, problem: str, rows: "pyarrow.Table") -> InputError:
    columns = ", ".join(rows.column_names)
    return InputError(f"feature {name!r} cannot be computed: {problem}", hint=f"columns it may use: {columns}")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]


def _require_present(stage: StageRun, window: str) -> Output:
    """A preparation that refused, or did not follow, the newest ingestion has left older rows in place."""
    prepared = stage.outputs.output(stage.upstream("data_preparation"), window)
    ingested = stage.outputs.output(stage.upstream("data_ingestion"), window)
    assert prepared is not None  # noqa: S101 - it was just read
    if ingested is not None and prepared.inputs.get("data_ingestion") != ingested.digest:
        raise BlockedError(
            f"window {window} was ingested again after it was prepared, so its prepared rows are out of date",
            hint=f"run {stage.upstream('data_preparation')} for that window, and see why it refused if it does",
        )
    return prepared


def _require_key(rows: "pyarrow.Table", declared: FeatureStore) -> None:
    missing = [name for name in declared.key if name not in rows.column_names]
    if missing:
        raise DataError(f"[SCHEMA] in the prepared rows {unknown('column', missing[0], tuple(rows.column_names))}")


def _judge(declared: FeatureStore, missing: Mapping[str, float], rows: int) -> CheckResult:
    """A feature without any value is too little evidence; a window without rows none at all."""
    table = tuple({"feature": name, "missing": share} for name, share in missing.items())
    if not rows:
        return CheckResult("features", "no_data", "no rows to compute features of")
    empty = [name for name, share in missing.items() if share == 1]
    if empty:
        return CheckResult(
            "features", "insufficient", f"no row has a value of {', '.join(empty)}", missing, table=table
        )
    return CheckResult("features", "ok", f"{len(declared.features)} features of {rows} rows", missing, table=table)
