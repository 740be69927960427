"""What every check promises, and what each of them judges."""

import math

import pytest

from mlmon_dagster import plugins

DECLARED = {
    "maximum": {"metric": "rows", "limit": 10},
    "minimum": {"metric": "rows", "limit": 10},
    "present": {"metric": "rows"},
}


def judge(name: str, metrics: dict[str, float]) -> str:
    return plugins.parse("check", {"use": name, **DECLARED[name]}).judge(metrics).verdict


@pytest.mark.parametrize("name", plugins.names("check"))
def test_a_missing_metric_is_never_green(name: str) -> None:
    assert judge(name, {}) == "no_data"
    assert judge(name, {"rows": math.nan}) == "no_data"
    assert judge(name, {"other": 10.0}) == "no_data"


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("maximum", 10.0, "ok"),
        ("maximum", 10.001, "error"),
        ("maximum", math.inf, "error"),
        ("minimum", 10.0, "ok"),
        ("minimum", 9.999, "error"),
        ("minimum", -math.inf, "error"),
        ("present", 0.0, "ok"),
    ],
)
def test_limits_are_inclusive(name: str, value: float, verdict: str) -> None:
    assert judge(name, {"rows": value}) == verdict
