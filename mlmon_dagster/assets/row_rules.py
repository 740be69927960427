"""A declared schema, checked row by row with pandera."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlmon_dagster.assets.casts import Cast, cast
from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.spec import ColumnRule

if TYPE_CHECKING:
    import pandas
    import pandera.pandas
    import pyarrow

WORDS = {"not_nullable": "is missing", "field_uniqueness": "is not unique"}
"""pandera's names of the checks that have no text of ours."""


@dataclass(frozen=True)
class Checked:
    """A table with its declared columns cast, and for each row the reasons why it is invalid, or null."""

    table: "pyarrow.Table"
    reasons: "pyarrow.Array"
    missing: Mapping[str, int]
    """Rows without a value, for each declared column; a wrong value is not a missing one."""


def check_rows(table: "pyarrow.Table", schema: Mapping[str, ColumnRule]) -> Checked:
    """Casts every declared column (all must be there) and judges every row by every rule.

    Raises `InputError` for a rule that cannot apply to its type.
    """
    import pyarrow as pa

    casts = {name: cast(table.column(name), rule.type) for name, rule in schema.items()}
    for name, done in casts.items():
        table = table.set_column(table.column_names.index(name), name, done.values)
    problems: dict[int, list[str]] = {}
    for name, done in casts.items():
        for row, reason in enumerate(done.reasons.to_pylist() if done.reasons.null_count < len(done.reasons) else ()):
            if reason is not None:
                problems.setdefault(row, []).append(f"{name}: {reason}")
    for row, text in _broken_rules(table.select(list(schema)), schema, casts):
        problems.setdefault(row, []).append(text)
    reasons = ["; ".join(problems[row]) if row in problems else None for row in range(table.num_rows)]
    missing = {name: done.values.null_count + done.reasons.null_count - table.num_rows for name, done in casts.items()}
    return Checked(table, pa.array(reasons, pa.string()), missing)


def _broken_rules(
    table: "pyarrow.Table", schema: Mapping[str, ColumnRule], casts: Mapping[str, Cast]
) -> list[tuple[int, str]]:
    """Row and text of every broken rule; a value that was not of its type is not also called missing."""
    import pandera.pandas as pandera

    try:
        pandera_schema(schema).validate(_frame(table), lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        found = zip(cases["index"], cases["column"], cases["check"], cases["failure_case"], strict=True)
        return [
            (int(row), _text(column, str(check), value))
            for row, column, check, value in found
            if not casts[column].reasons[int(row)].is_valid
        ]
    return []


def _text(column: str, check: str, value: Any) -> str:
    if check == "not_nullable":
        return f"{column} {WORDS[check]}"
    shown = (
        int(value) if isinstance(value, float) and value.is_integer() else value
    )  # pandera mixes columns into floats
    return f"{column}: {shown!s:.40} {WORDS.get(check, check)}"


def _frame(table: "pyarrow.Table") -> "pandas.DataFrame":
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(), pa.float64(): pd.Float64Dtype()}
    frame: pandas.DataFrame = table.to_pandas(types_mapper=nullable.get)
    return frame


def pandera_schema(schema: Mapping[str, ColumnRule]) -> "pandera.pandas.DataFrameSchema":
    """The declared rules as a pandera schema; other columns are allowed."""
    import pandera.pandas as pandera

    columns = {
        name: pandera.Column(
            checks=_checks(name, rule), nullable=rule.nullable, unique=rule.unique, report_duplicates="exclude_first"
        )
        for name, rule in schema.items()
    }
    return pandera.DataFrameSchema(columns)


def _checks(name: str, rule: ColumnRule) -> list[Any]:
    from pandera.pandas import Check

    checks = []
    if (rule.minimum is not None or rule.maximum is not None) and rule.type not in ("float", "integer"):
        raise InputError(f"{name} is a {rule.type}: `minimum` and `maximum` are for numbers")
    if rule.minimum is not None:
        checks.append(Check.ge(rule.minimum, error=f"is below the minimum {rule.minimum:g}"))
    if rule.maximum is not None:
        checks.append(Check.le(rule.maximum, error=f"is above the maximum {rule.maximum:g}"))
    if rule.one_of is not None:
        checks.append(Check.isin(list(rule.one_of), error=f"is not one of {', '.join(map(str, rule.one_of))}"))
    if rule.pattern is not None:
        checks.append(_pattern(name, rule, rule.pattern))
    return checks


def _pattern(name: str, rule: ColumnRule, pattern: str) -> Any:
    from pandera.pandas import Check

    if rule.type != "string":
        raise InputError(f"{name} is a {rule.type}: `pattern` is for strings")
    try:
        re.compile(pattern)
    except re.error as error:
        raise InputError(f"the pattern of {name} is not a regular expression: {error}") from error
    return Check.str_matches(rf"(?:{pattern})\Z", error=f"does not match {pattern}")
