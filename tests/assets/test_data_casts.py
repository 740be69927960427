"""Strict casts of a column to its declared type."""

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from mlmon_dagster.assets.casts import cast

DAY = datetime(2014, 5, 2, tzinfo=timezone.utc)


def cast_one(value: Any, kind: str, arrow: pa.DataType | None = None) -> tuple[Any, str | None]:
    done = cast(pa.chunked_array([pa.array([value, None], arrow)]), kind)
    assert done.values[1].as_py() is None
    assert done.reasons[1].as_py() is None
    return done.values[0].as_py(), done.reasons[0].as_py()


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3, "float", 3.0),
        ("3.5", "float", 3.5),
        (" -1e3 ", "float", -1000.0),
        (Decimal("3.25"), "float", 3.25),
        (-0.0, "float", 0.0),
        (3, "integer", 3),
        (3.0, "integer", 3),
        ("+42", "integer", 42),
        (2**53 + 1, "integer", 2**53 + 1),
        ("x", "string", "x"),
        (98001, "string", "98001"),
        ("", "string", ""),
        (True, "boolean", True),
        (0, "boolean", False),
        ("TRUE", "boolean", True),
        ("2014-05-02", "timestamp", DAY),
        (DAY.date(), "timestamp", DAY),
        (1398988800, "timestamp", DAY),
    ],
)
def test_what_fits_is_cast(value: Any, kind: str, expected: Any) -> None:
    assert cast_one(value, kind) == (expected, None)


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        ("1,234.5", "float", "'1,234.5' is not a float"),
        ("nan", "float", "'nan' is not a float"),
        ("1e400", "float", "'1e400' is not a float"),
        ("inf", "float", "'inf' is not a float"),
        (float("inf"), "float", "inf is not a float"),
        (float("-inf"), "integer", "-inf is not an integer"),
        (True, "float", "True is not a float"),
        (-(2**53) - 1, "float", "-9007199254740993 is not a float"),
        (-(2**63), "float", "-9223372036854775808 is not a float"),
        (2.5, "integer", "2.5 is not an integer"),
        ("3.0", "integer", "'3.0' is not an integer"),
        ("9" * 30, "integer", f"'{'9' * 30}' is not an integer"),
        (2.0**60, "integer", "1.152921504606847e+18 is not an integer"),
        (2.5, "string", "2.5 is not a string"),
        (True, "string", "True is not a string"),
        (2, "boolean", "2 is not a boolean"),
        ("yes", "boolean", "'yes' is not a boolean"),
        ("soon", "timestamp", "unreadable time 'soon'"),
        (b"x", "string", "b'x' is not a string"),
    ],
)
def test_what_does_not_fit_is_left_out_with_a_reason(value: Any, kind: str, reason: str) -> None:
    assert cast_one(value, kind) == (None, reason)


@pytest.mark.parametrize(
    ("value", "kind"), [(float("nan"), "float"), (float("nan"), "integer"), ("", "float"), (" ", "boolean")]
)
def test_what_is_missing_is_not_wrong(value: Any, kind: str) -> None:
    assert cast_one(value, kind) == (None, None)


@pytest.mark.parametrize("kind", ["float", "integer", "string", "boolean", "timestamp"])
def test_a_column_of_nothing_takes_the_declared_type(kind: str) -> None:
    typed = (
        cast(pa.chunked_array([pa.array(["1"] if kind != "boolean" else ["true"])]), kind)
        if kind != "timestamp"
        else None
    )
    done = cast(pa.chunked_array([pa.nulls(2)]), kind)
    assert done.values.null_count == done.reasons.null_count == 2
    assert typed is None or done.values.type == typed.values.type


def test_an_unsigned_integer_that_does_not_fit_is_left_out() -> None:
    assert cast_one(2**63, "integer", pa.uint64()) == (None, "9223372036854775808 is not an integer")


def test_categories_are_cast_as_what_they_stand_for() -> None:
    assert cast(pa.chunked_array([pa.array(["1", "2"]).dictionary_encode()]), "integer").values.to_pylist() == [1, 2]
