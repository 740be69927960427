"""A declared schema, checked row by row."""

from typing import Any

import pyarrow as pa
import pytest

from mlmon_dagster.assets.row_rules import check_rows
from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.spec import ColumnRule


def reasons(values: list[Any], **rule: Any) -> list[str | None]:
    return check_rows(pa.table({"x": values}), {"x": ColumnRule(**rule)}).reasons.to_pylist()  # type: ignore[no-any-return]


def test_a_row_that_breaks_no_rule_has_no_reason() -> None:
    assert reasons([1, 2], type="integer", minimum=1, maximum=2) == [None, None]


def test_limits_are_inclusive_and_named() -> None:
    assert reasons([0, 1, 20, 33], type="integer", minimum=1, maximum=20) == [
        "x: 0 is below the minimum 1",
        None,
        None,
        "x: 33 is above the maximum 20",
    ]


def test_a_missing_value_is_invalid_unless_it_may_be() -> None:
    assert reasons([1.5, None, float("nan")], type="float") == [None, "x is missing", "x is missing"]
    assert reasons([1.5, None, float("nan")], type="float", nullable=True) == [None, None, None]


def test_a_missing_value_breaks_no_other_rule() -> None:
    assert reasons(["a", None], type="string", pattern="a", one_of=["a"], nullable=True) == [None, None]
    assert reasons([1, None], type="integer", minimum=1, one_of=[1], nullable=True) == [None, None]


def test_a_value_of_the_wrong_type_is_not_also_missing() -> None:
    assert reasons(["1,234.5", "7"], type="float") == ["x: '1,234.5' is not a float", None]
    assert reasons([1.0, float("inf")], type="float") == [None, "x: inf is not a float"]


def test_whole_numbers_are_told_as_such_whatever_the_other_columns_hold() -> None:
    table = pa.table({"a": [0], "b": [0.5]})
    schema = {name: ColumnRule(type=kind, minimum=1) for name, kind in (("a", "integer"), ("b", "float"))}  # type: ignore[arg-type]
    assert check_rows(table, schema).reasons.to_pylist() == [
        "a: 0 is below the minimum 1; b: 0.5 is below the minimum 1"
    ]


def test_one_of_names_the_values() -> None:
    assert reasons(["a", "c"], type="string", one_of=("a", "b")) == [None, "x: c is not one of a, b"]
    assert reasons([True, False], type="boolean", one_of=(True,)) == [None, "x: False is not one of True"]


def test_a_pattern_matches_the_whole_text() -> None:
    assert reasons(["98001", "980011", "98001\n"], type="string", pattern="98[0-9]{3}|x") == [
        None,
        "x: 980011 does not match 98[0-9]{3}|x",
        "x: 98001\n does not match 98[0-9]{3}|x",
    ]


def test_the_first_of_equal_values_stays_unique() -> None:
    assert reasons([5, 6, 5], type="integer", unique=True) == [None, None, "x: 5 is not unique"]


def test_all_broken_rules_of_a_row_are_told() -> None:
    table = pa.table({"a": [0], "b": ["?"], "c": [7]})
    schema = {"a": ColumnRule(type="integer", minimum=1, one_of=(1, 2)), "b": ColumnRule(type="float")}
    assert check_rows(table, schema).reasons.to_pylist() == [
        "b: '?' is not a float; a: 0 is below the minimum 1; a: 0 is not one of 1, 2"
    ]


def test_declared_columns_take_their_type_and_others_stay() -> None:
    table = pa.table({"a": ["1"], "other": [b"x"]})
    checked = check_rows(table, {"a": ColumnRule(type="float")}).table
    assert [str(field.type) for field in checked.schema] == ["double", "binary"]


def test_missing_values_are_counted_apart_from_wrong_ones() -> None:
    checked = check_rows(pa.table({"x": ["1", "", None, "?"]}), {"x": ColumnRule(type="float", nullable=True)})
    assert checked.missing == {"x": 2}


@pytest.mark.parametrize("kind", ["float", "integer", "string", "boolean", "timestamp"])
def test_no_rows_break_no_rule(kind: Any) -> None:
    empty = pa.table({"x": pa.nulls(0)})
    assert check_rows(empty, {"x": ColumnRule(type=kind, unique=True)}).reasons.to_pylist() == []


def test_no_schema_breaks_no_rule() -> None:
    assert check_rows(pa.table({"x": [1]}), {}).reasons.to_pylist() == [None]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"type": "string", "minimum": 1}, "`minimum` and `maximum` are for numbers"),
        ({"type": "float", "pattern": "x"}, "`pattern` is for strings"),
        ({"type": "string", "pattern": "("}, "not a regular expression"),
    ],
)
def test_a_rule_that_cannot_apply_is_refused(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        reasons(["1"], **rule)
