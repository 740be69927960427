"""From JSON to records that fit the model's inputs: every name known, every value of its kind."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.serving.problems import ProblemError

Record = dict[str, Any]

LARGEST_INTEGER = 2**53
"""Beyond it a float64, which models compute with, no longer holds every integer."""


FIRST_YEAR, LAST_YEAR = 1677, 2262
"""The years in which nanoseconds since 1970, which models get, end."""


def read_record(raw: Any, inputs: Sequence[ModelInput], place: str = "") -> Record:
    """One record in the model's column order. `ProblemError` 422 names unknown, missing and misfitting features.

    `place` says where the record stands in a larger body (`record 3: `).
    """
    if not isinstance(raw, Mapping):
        raise ProblemError(422, f"{place}expected an object with the model's features, got {_kind(raw)}")
    names = [column.name for column in inputs]
    unknown = [name for name in raw if name not in names]
    missing = [column.name for column in inputs if column.name not in raw and not column.nullable]
    if unknown or missing:
        raise names_problem(place, unknown, missing, names)
    wrong = {column.name: fault for column in inputs if (fault := _fault(raw.get(column.name), column))}
    if wrong:
        raise ProblemError(422, place + "; ".join(f"{name} {fault}" for name, fault in wrong.items()), {"wrong": wrong})
    return {name: raw.get(name) for name in names}


def read_records(raw: Any, inputs: Sequence[ModelInput]) -> list[Record]:
    """The records of `[{...}, {...}]` or `{"records": [...]}`; at least one."""
    rows = raw.get("records") if isinstance(raw, Mapping) and set(raw) == {"records"} else raw
    if not isinstance(rows, list):
        raise ProblemError(422, f'expected a list of records or {{"records": [...]}}, got {_kind(rows)}')
    return _all(rows, inputs)


def read_invocation(raw: Any, inputs: Sequence[ModelInput]) -> list[Record]:
    """The records of MLflow's body: `dataframe_split`, `dataframe_records`, `instances` or `inputs`."""
    forms = ("dataframe_split", "dataframe_records", "instances", "inputs")
    if not isinstance(raw, Mapping) or len(given := [form for form in forms if form in raw]) != 1:
        raise ProblemError(422, f"expected an object with exactly one of {', '.join(forms)}")
    body = raw[given[0]]
    if given[0] == "dataframe_split":
        if not isinstance(body, Mapping) or not isinstance(body.get("columns"), list):
            raise ProblemError(422, "dataframe_split needs `columns` and `data`")
        return _all(_named(body.get("data"), body["columns"]), inputs)
    if isinstance(body, Mapping):
        return _all(_by_column(body), inputs)
    if isinstance(body, list) and body and not isinstance(body[0], Mapping) and given[0] != "dataframe_records":
        return _all(_named(body, [column.name for column in inputs]), inputs)
    return _all(body, inputs)


def _all(rows: Any, inputs: Sequence[ModelInput]) -> list[Record]:
    if not isinstance(rows, list) or not rows:
        raise ProblemError(422, "expected a list with at least one record")
    return [read_record(row, inputs, f"record {place}: ") for place, row in enumerate(rows)]


def _named(rows: Any, columns: Sequence[Any]) -> list[Record]:
    if not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
        raise ProblemError(422, "columns must be different names")
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        raise ProblemError(422, f"expected rows as lists of {len(columns)} values ({', '.join(columns)})")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _by_column(columns: Mapping[str, Any]) -> list[Record]:
    values = {name: given if isinstance(given, list) else [given] for name, given in columns.items()}
    if len({len(given) for given in values.values()}) != 1:
        raise ProblemError(422, "every input needs the same number of values")
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _fault(value: Any, column: ModelInput) -> str | None:
    """What is wrong with the value, or `None`."""
    if value is None:
        return None if column.nullable else "is null, and the reference the model was trained on never was"
    checks = {"float": _float_fault, "integer": _integer_fault, "timestamp": _timestamp_fault, "string": _string_fault}
    if column.kind == "boolean":
        return None if isinstance(value, bool) else f"expects true or false, got {_kind(value)}"
    return checks[column.kind](value)


def _float_fault(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"expects a number, got {_kind(value)}"
    if isinstance(value, int):
        return None if abs(value) <= LARGEST_INTEGER else "is too large a number"
    return None if math.isfinite(value) else "is not a finite number"


def _integer_fault(value: Any) -> str | None:
    if fault := _float_fault(value):
        return fault.replace("a number", "an integer")
    return None if value == int(value) else f"expects an integer, got {value}"


def _string_fault(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"expects a string, got {_kind(value)}"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "holds half a character (a lone surrogate)"
    return None


def _timestamp_fault(value: Any) -> str | None:
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        return "expects a moment with its offset, such as 2026-01-31T08:00:00Z"
    if not FIRST_YEAR < moment.year < LAST_YEAR:
        return f"lies in the year {moment.year}; years from {FIRST_YEAR + 1} to {LAST_YEAR - 1} can be computed with"
    return None


def names_problem(place: str, unknown: Sequence[str], missing: Sequence[str], names: Sequence[str]) -> ProblemError:
    """What is said of names that the model does not have, or that it has and were not given."""
    facts = {"unknown": list(unknown), "missing": list(missing)}
    return ProblemError(422, place + _names_sentence(unknown, missing, names), facts)


def _names_sentence(unknown: Sequence[str], missing: Sequence[str], names: Sequence[str]) -> str:
    parts = []
    for name in unknown:
        near = get_close_matches(name, names, n=1, cutoff=0.6)
        parts.append(f"the model has no feature {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    if missing:
        parts.append(f"missing: {', '.join(missing)}")
    return f"{'; '.join(parts)} (the model's features: {', '.join(names)})"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
