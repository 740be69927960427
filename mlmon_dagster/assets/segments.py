"""Declared segments of a window's rows, and where and why a model does worse than expected."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlmon_dagster.adapters.tables import arrays_of
from mlmon_dagster.assets.outcomes import outcomes_of
from mlmon_dagster.drift.histogram import number_text
from mlmon_dagster.drift.performance import PERFORMANCE
from mlmon_dagster.drift.segments import LossTable, worst_segment
from mlmon_dagster.errors import InputError
from mlmon_dagster.lifecycle.features import connect, quoted
from mlmon_dagster.pipeline.monitoring import Performance

if TYPE_CHECKING:
    import numpy
    import pyarrow

MINIMUM_ROWS = 200
"""Labels below which nothing is searched for."""


def masks(rows: "pyarrow.Table", segments: Mapping[str, str]) -> "dict[str, numpy.ndarray]":
    """For each segment which rows its SQL condition (DuckDB) holds for; `InputError` names one that cannot be computed.

    The database is closed: no files, no network. A condition that is null does not hold.
    """
    import duckdb
    import pyarrow as pa

    found = {}
    with connect() as connection:
        connection.register("rows", rows.append_column("_row", pa.array(range(rows.num_rows), pa.int64())))
        for name, condition in segments.items():
            holds = f"COALESCE(({condition}\n)::BOOLEAN, false) AS {quoted(name)}"
            statement = f"SELECT _row, {holds} FROM rows ORDER BY _row"  # noqa: S608 - sandboxed
            try:
                if len(connection.extract_statements(statement)) != 1:
                    raise _cannot(name, f"it is not one condition: {condition}", rows)
                table = connection.sql(statement).to_arrow_table()
            except duckdb.Error as error:
                raise _cannot(name, str(error).strip().splitlines()[0], rows) from error
            if table.num_columns != 2 or table.num_rows != rows.num_rows:
                raise _cannot(name, f"it is not one condition: {condition}", rows)
            found[name] = table.column(1).to_numpy()
    return found


def losses(declared: Performance, rows: "pyarrow.Table") -> "numpy.ndarray":
    """One number a row that is larger where the model is worse: the absolute error, or 1 for a wrong class."""
    import numpy as np

    outcomes = outcomes_of(declared.metric, rows, declared.positive)
    if PERFORMANCE[declared.metric].task == "regression":
        truth, given = outcomes.numbers(declared.metric)
        return np.asarray(np.abs(truth - given))
    kinds = outcomes_of("accuracy", rows, declared.positive)
    return np.asarray(kinds.labels != kinds.values("accuracy"), dtype=np.float64)


def loss_table(declared: Performance, rows: "pyarrow.Table", inputs: Sequence[str]) -> LossTable:
    """The reference's losses by the codes of each input."""
    return LossTable.of(arrays_of(rows.select(list(inputs))), losses(declared, rows))


def explained(
    declared: Performance, rows: "pyarrow.Table", inputs: Sequence[str], before: LossTable | None
) -> tuple[str, tuple[Mapping[str, object], ...]]:
    """Where rows are predicted worst, and which columns explain that losses grew: a phrase, and a table of columns."""
    names = [name for name in inputs if name in rows.column_names]
    if rows.num_rows < MINIMUM_ROWS or not names:
        return "", ()
    columns, loss = arrays_of(rows.select(names)), losses(declared, rows)
    worst = worst_segment(columns, loss)
    said = []
    if worst is not None:
        said.append(
            f"worst where {worst.text} (mean loss {number_text(worst.loss)}, elsewhere {number_text(worst.rest)})"
        )
    table: tuple[Mapping[str, object], ...] = ()
    if before is not None and set(before.encoder.codings) <= set(names):
        causes = before.causes(columns, loss)
        table = tuple({"column": one.column, "mix": one.mix, "within": one.within} for one in causes)
        change = causes[0].mix + causes[0].within
        share = causes[0].mix / change if change > 0 else 0.0
        known = f"{causes[0].column} explains {share:.0%} of the larger losses by where its values lie"
        said.append(known if share >= 0.2 else "no column's values explain it: the same inputs are predicted worse")
    return "; ".join(said), table


def _cannot(name: str, problem: str, rows: "pyarrow.Table") -> InputError:
    columns = ", ".join(rows.column_names)
    return InputError(f"the segment {name!r} cannot be computed: {problem}", hint=f"columns it may use: {columns}")
