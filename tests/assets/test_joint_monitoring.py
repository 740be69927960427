"""Joint monitors in a pipeline: budget, persistence and season, the page of a window, and the backtest."""

from typing import Any

import pytest
from watched import START, World, features

from mlmon_dagster.assets.backtest import Change, replay
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.budget import AlarmBudget
from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.stages import StageKey

MONITORS = {
    "together": {"use": "mmd", "columns": "all", "alarm_budget": "1 per quarter"},
    "patient": {
        "use": "mmd",
        "columns": "all",
        "alarm_budget": "1 per quarter",
        "persistence": {"windows": 2, "of": 2},
    },
    "weekly": {"use": "mmd", "columns": "all", "season": "day_of_week"},
}
WINDOWS = {"since": "2026-01-25", "until": "2026-01-28"}
SHIFTS = {20: 0.0, 21: 12.0, 22: 12.0, 23: 0.0}


@pytest.fixture(scope="module")
def judged(opened: Any) -> tuple[World, list[Any]]:
    watched = World(*opened, MONITORS)
    version = watched.register()
    return watched, [watched.judge(day, version, shift=shift) for day, shift in SHIFTS.items()]


def stage_of(watched: World) -> StageRun:
    return StageRun(
        pipeline=watched.pipeline, key=StageKey("flats", "dev", "model_monitoring"), window=None,
        directory=watched.directory, settings=watched.ports.settings, outputs=watched.ports.outputs, now=START,
        log=lambda text: None,
    )  # fmt: skip


def verdicts(results: list[Any], name: str) -> list[str]:
    return [next(check.verdict for check in one.checks if check.name == name) for one in results]


def test_a_budget_persistence_and_a_season_judge_windows(judged: tuple[World, list[Any]]) -> None:
    _, results = judged
    assert verdicts(results, "together") == ["ok", "drift", "drift", "ok"]
    assert verdicts(results, "patient") == ["ok", "ok", "drift", "ok"]
    assert verdicts(results, "weekly") == ["ok", "drift", "drift", "ok"]


def test_the_page_of_a_window_shows_what_is_judged_together(judged: tuple[World, list[Any]]) -> None:
    _, results = judged
    page = results[2].facts["report"].read_text()
    assert "the columns together have drifted: mmd" in page
    assert "together: mmd over windows" in page


def test_recorded_windows_are_replayed(judged: tuple[World, list[Any]]) -> None:
    watched, _ = judged
    stage = stage_of(watched)
    found = list(replay(stage, watched.ports, Change(), **WINDOWS))
    assert all(one.verdict == one.recorded for one in found)
    assert {one.monitor for one in found} == set(MONITORS)
    high = list(replay(stage, watched.ports, Change(threshold=1.3), "together", **WINDOWS))
    assert [one.verdict for one in high] == ["ok"] * 4
    with pytest.raises(InputError, match="measures several columns at once, which ks does not"):
        list(replay(stage, watched.ports, Change(method="ks"), "together", **WINDOWS))


def test_a_budget_that_nobody_declared_is_calibrated_as_a_registration_would(judged: tuple[World, list[Any]]) -> None:
    watched, _ = judged
    budget = AlarmBudget.parse("3 per quarter")
    tried = list(replay(stage_of(watched), watched.ports, Change(alarm_budget=budget), "together", **WINDOWS))
    assert [one.verdict for one in tried] == ["ok", "drift", "drift", "ok"]
    declared = watched.declaring(together={"use": "mmd", "columns": "all", "alarm_budget": "3 per quarter"})
    version = declared.register()
    (check,) = declared.judge(21, version, shift=SHIFTS[21]).checks
    assert tried[1].drifts[0].threshold == check.table[0]["threshold"]


def test_another_joint_method_and_a_monitor_of_today_are_tried_on_windows_of_before(
    judged: tuple[World, list[Any]],
) -> None:
    watched, _ = judged
    planes = watched.declaring(planes={"use": "domain_classifier", "columns": "all"})
    found = list(replay(stage_of(planes), planes.ports, Change(), **WINDOWS))
    assert [one.verdict for one in found] == ["ok", "drift", "drift", "ok"]
    assert [one.recorded for one in found] == [None] * 4
    change = Change(method="domain_classifier", threshold=0.2)
    other = list(replay(stage_of(watched), watched.ports, change, "together", **WINDOWS))
    assert [one.verdict for one in other] == ["ok", "drift", "drift", "ok"]
    assert {one.drifts[0].method for one in other} == {"domain_classifier"}
    with pytest.raises(InputError, match="weekly has a season"):
        list(replay(stage_of(watched), watched.ports, change, "weekly", **WINDOWS))


def test_a_reference_that_is_not_there_any_more_is_told_and_nothing_is_calibrated_on_another(
    judged: tuple[World, list[Any]],
) -> None:
    watched, _ = judged
    key = StageKey("flats", None, "feature_store")
    watched.ports.outputs.write(key, "2026-01-05", features(0, shift=1.0), inputs={})
    try:
        change = Change(alarm_budget=AlarmBudget.parse("3 per year"))
        (one,) = replay(stage_of(watched), watched.ports, change, "together", "2026-01-26", "2026-01-26")
    finally:
        watched.ports.outputs.write(key, "2026-01-05", features(0), inputs={})
    assert one.verdict == "error"
    assert (
        "3 per year cannot be calibrated: size of 2026-01-05 to 2026-01-18 in the feature store is not as it was"
        in (one.drifts[0].reason)
    )
