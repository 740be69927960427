"""Joint monitors in a pipeline: budget, persistence and season, the page of a window, and the backtest."""

from typing import Any

import pytest
from watched import START, World

from mlmon_dagster.assets.backtest import Change, replay
from mlmon_dagster.assets.stage import StageRun
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
SHIFTS = {20: 0.0, 21: 12.0, 22: 12.0, 23: 0.0}


@pytest.fixture(scope="module")
def judged(opened: Any) -> tuple[World, list[Any]]:
    watched = World(*opened, MONITORS)
    version = watched.register()
    return watched, [watched.judge(day, version, shift=shift) for day, shift in SHIFTS.items()]


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
    stage = StageRun(
        pipeline=watched.pipeline, key=StageKey("flats", "dev", "model_monitoring"), window=None,
        directory=watched.directory, settings=watched.ports.settings, outputs=watched.ports.outputs, now=START,
        log=lambda text: None,
    )  # fmt: skip
    windows = {"since": "2026-01-25", "until": "2026-01-28"}
    found = list(replay(stage, watched.ports, Change(), **windows))
    assert all(one.verdict == one.recorded for one in found)
    assert {one.monitor for one in found} == set(MONITORS)
    high = list(replay(stage, watched.ports, Change(threshold=1.3), "together", **windows))
    assert [one.verdict for one in high] == ["ok"] * 4
    with pytest.raises(InputError, match="measures several columns at once"):
        list(replay(stage, watched.ports, Change(method="ks"), "together", **windows))
