"""Monitors against the pipeline's windows."""

import pytest
from pydantic_core import PydanticCustomError

from mlmon_dagster.drift.monitor import parse_monitor
from mlmon_dagster.pipeline.monitors import require_fitting
from mlmon_dagster.pipeline.windows import Windows


def require(every: str, **declared: object) -> None:
    require_fitting(Windows(every), {"inputs": parse_monitor("inputs", {"use": "ks", "column": "x", **declared})})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("every", "season", "fits"),
    [
        ("hourly", "hour_of_week", True), ("hourly", "hour_of_day", True), ("daily", "hour_of_week", False),
        ("daily", "day_of_week", True), ("weekly", "day_of_week", False), ("weekly", "month_of_year", True),
        ("monthly", "month_of_year", True), ("monthly", "hour_of_day", False),
    ],
)  # fmt: skip
def test_a_window_must_lie_at_one_place_of_its_season(every: str, season: str, fits: bool) -> None:
    if fits:
        require(every, season=season)
        return
    with pytest.raises(PydanticCustomError, match=f"a {every} window has no {season.replace('_', ' ')}") as caught:
        require(every, season=season)
    assert "month_of_year" in str(caught.value)


@pytest.mark.parametrize(
    ("every", "budget", "fits"),
    [("weekly", "1 per quarter", True), ("weekly", "1 per week", False), ("monthly", "1 per quarter", False),
     ("daily", "1 per week", True), ("hourly", "1 per day", True)],
)  # fmt: skip
def test_a_budget_that_lets_every_fourth_window_alarm_is_refused(every: str, budget: str, fits: bool) -> None:
    if fits:
        require(every, alarm_budget=budget)
        return
    with pytest.raises(PydanticCustomError, match=rf"{budget} lets \d+% of {every} windows alarm"):
        require(every, alarm_budget=budget)


@pytest.mark.parametrize(("every", "key", "before"), [
    ("monthly", "2026-03-01", ["2026-01-01", "2026-02-01"]), ("weekly", "2026-03-02", ["2026-02-16", "2026-02-23"]),
    ("hourly", "2026-01-01-01:00", ["2026-01-01-00:00"]), ("daily", "2026-01-01", []),
])  # fmt: skip
def test_the_windows_before_one_are_found_up_to_the_first(every: str, key: str, before: list[str]) -> None:
    windows = Windows(every, start="2026-01-01")  # type: ignore[arg-type]
    assert [one.key for one in windows.before(windows.window(key), 2)] == before
