"""Alert rules on the points of a metric."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pytest

from mlmon_dagster.pipeline.rules import BUILT_IN, AlertRule

NOW = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Point:
    value: float
    at: datetime = NOW


def verdict(rule: AlertRule, *values: float) -> str:
    return rule.judge([Point(value) for value in values], NOW).verdict


@pytest.mark.parametrize(
    ("values", "expected"),
    [((0.1, 0.2), "ok"), ((0.3, 0.2), "ok"), ((0.2, 0.3), "error"), ((0.3,), "error"), ((), "no_data")],
)
def test_a_bound_is_judged_on_the_last_point(values: tuple[float, ...], expected: str) -> None:
    assert verdict(AlertRule("x", above=0.2), *values) == expected


def test_below_is_the_other_way_round() -> None:
    assert verdict(AlertRule("x", below=10), 9.9) == "error"
    assert verdict(AlertRule("x", below=10), 10) == "ok"


def test_m_of_n_points_must_be_out() -> None:
    rule = AlertRule("x", above=1, periods=3, of=5)
    assert verdict(rule, 2, 0, 2, 0, 2) == "error"
    assert verdict(rule, 2, 2, 0, 0, 2, 0) == "ok"
    assert verdict(rule, 2, 2) == "insufficient"


def test_a_rise_is_judged_on_two_halves() -> None:
    rule = AlertRule("x", rises=0.2, over=6)
    assert verdict(rule, 1, 1, 1, 1.3, 1.3, 1.3) == "error"
    assert verdict(rule, 1, 1, 1, 1.1, 1.1, 1.1) == "ok"
    assert verdict(rule, 9, 9, 9, 9, 1, 1, 1, 1.3, 1.3, 1.3) == "error"
    assert verdict(rule, 1, 2, 3) == "insufficient"
    assert verdict(rule, 0, 0, 0, 1, 1, 1) == "error"
    assert verdict(rule, 0, 0, 0, 0, 0, 0) == "ok"


def test_silence_is_an_error_only_where_something_was_heard() -> None:
    rule = AlertRule("x", absent_for="2h")
    assert rule.judge([Point(1, NOW - timedelta(hours=3))], NOW).verdict == "error"
    assert rule.judge([Point(1, NOW - timedelta(hours=2))], NOW).verdict == "ok"
    assert rule.judge([], NOW).verdict == "no_data"


@pytest.mark.parametrize(
    "given",
    [{}, {"above": 1.0, "below": 0.0}, {"above": 1.0, "absent_for": "1h"}, {"above": 1.0, "periods": 3, "of": 2}],
)
def test_a_rule_says_exactly_one_thing_that_can_happen(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"exactly one|never be out"):
        AlertRule("x", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("drifted_features", 0.10, 0.11),
        ("slow_answers", 100.0, 100.1),
        ("failed_answers", 0.01, 0.011),
        ("high_drift", 2.0, 2.01),
        ("low_volume", 1.0, 0.0),
    ],
)
def test_the_built_in_rules_have_the_numbers_of_the_requirements(name: str, good: float, bad: float) -> None:
    rule = BUILT_IN[name]
    assert verdict(rule, good, good) == "ok"
    assert verdict(rule, good, bad) == "ok", "two periods"
    assert verdict(rule, bad, bad) == "error"
