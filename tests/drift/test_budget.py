"""Alarm budgets as people write them."""

import pytest
from pydantic import ValidationError

from mlmon_dagster import plugins
from mlmon_dagster.drift.budget import AlarmBudget
from mlmon_dagster.drift.monitor import parse_monitor
from mlmon_dagster.drift.seasons import PLACES, SEASONS, place_name


@pytest.mark.parametrize(
    ("text", "days", "rate"),
    [
        ("1 per quarter", 1, 4 / 365.25),
        ("1 per quarter", 7, 28 / 365.25),
        ("2 per year", 365.25 / 12, 1 / 6),
        ("0.5 per week", 1 / 24, 0.5 / 168),
        ("3 per month", 1, 36 / 365.25),
        ("1 per day", 1 / 24, 1 / 24),
    ],
)
def test_a_budget_is_a_share_of_windows(text: str, days: float, rate: float) -> None:
    assert AlarmBudget.parse(text).rate(days) == pytest.approx(rate)
    assert str(AlarmBudget.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["one per quarter", "1 a quarter", "0 per year", "-1 per year", "1 per decade", 1, None]
)
def test_what_is_no_budget_is_told_with_an_example(text: object) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_monitor("mine", {"use": "ks", "column": "x", "alarm_budget": text or []})
    (problem,) = caught.value.errors()
    assert problem["loc"] == ("alarm_budget",)
    assert "such as 1 per quarter; got" in problem["msg"]


def test_a_budget_stands_in_place_of_a_threshold_or_beside_it() -> None:
    alone = parse_monitor("a", {"use": "ks", "column": "x", "alarm_budget": "1 per quarter"})
    beside = parse_monitor("a", {"use": "ks", "column": "x", "alarm_budget": "1 per quarter", "threshold": 0.2})
    assert (alone.threshold, beside.threshold) == (None, 0.2)


def test_a_librarys_own_rule_takes_no_budget() -> None:
    with pytest.raises(ValidationError, match="judges by the rule of evidently: it takes no alarm_budget"):
        parse_monitor("a", {"use": "ks", "column": "x", "compatible": "evidently", "alarm_budget": "1 per quarter"})


def test_a_joint_method_takes_a_budget_persistence_and_a_season_but_no_segments() -> None:
    declared = {
        "use": plugins.names("joint")[0],
        "columns": "all",
        "alarm_budget": "1 per quarter",
        "persistence": {"windows": 2, "of": 3},
        "season": "day_of_week",
    }
    found = parse_monitor("a", declared)
    assert (found.threshold, str(found.alarm_budget), str(found.persistence)) == (
        None,
        "1 per quarter",
        "2 of 3 windows",
    )
    with pytest.raises(ValidationError, match="judged on all rows: no segments"):
        parse_monitor("a", {"use": plugins.names("joint")[0], "columns": "all", "segments": "all"})


@pytest.mark.parametrize("season", SEASONS)
def test_every_place_of_a_season_has_a_name_of_its_own(season: str) -> None:
    names = [place_name(season, at) for at in range(PLACES[season])]  # type: ignore[arg-type, index]
    assert len(set(names)) == PLACES[season]  # type: ignore[index]
