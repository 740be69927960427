"""Monitors in segments have what plain ones have: budget, persistence, season, engine, library, page, backtest."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from watched import START, World, features

from mlmon_dagster.adapters.engines.duckdb import DuckDb
from mlmon_dagster.adapters.engines.ibis import Ibis
from mlmon_dagster.assets.backtest import Change, Replayed, replay
from mlmon_dagster.assets.stage import CheckResult, StageRun
from mlmon_dagster.drift.budget import AlarmBudget
from mlmon_dagster.drift.calibration import Part, calibrate
from mlmon_dagster.drift.monitor import parse_monitor
from mlmon_dagster.drift.persistence import Persistence
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.pipeline.monitoring import ModelMonitoring
from mlmon_dagster.pipeline.stages import StageKey

ODD = "CAST(split_part(id, '-', 2) AS INTEGER) % 2 = 1"
BUDGET = {"alarm_budget": "1 per quarter"}


def watching(world: World, engine: Any = None, **monitor: Any) -> World:
    """Everything in all rows and in every second one."""
    inputs = {"use": "ks", "columns": "all", "segments": "all", **monitor}
    return dataclasses.replace(world, monitors={"inputs": inputs}, segments={"odd": ODD}, engine=engine)


def only(world: World, day: int, version: int, **made: Any) -> CheckResult:
    (check,) = world.judge(day, version, **made).checks
    return check


def test_a_budget_is_kept_over_all_rows_and_segments_together_and_still_sees_a_segment_drift(world: World) -> None:
    watched = watching(world, **BUDGET)
    version = watched.register()
    calm = [only(watched, day, version).verdict for day in range(40, 70)]
    assert calm.count("drift") <= 1
    moved = only(watched, 70, version, shift=12.0)
    assert moved.verdict == "drift"
    assert "in odd, size has drifted: ks" in moved.reason
    assert "which chance alone reaches 1 per quarter" in moved.reason
    thresholds = {row["segment"]: row["threshold"] for row in moved.table if row["column"] == "size"}
    assert thresholds["odd"] > thresholds[""]  # half the rows: chance is larger


def test_segments_share_the_budget_with_all_rows() -> None:
    random = np.random.default_rng(0)
    whole = Profile.of({"x": random.normal(size=2_000)})
    part = Part(Profile.of({"x": random.normal(size=1_000)}), 50)
    empty = Part(Profile.of({"x": np.full(10, np.nan)}), 50)
    monitor = parse_monitor("x", {"use": "ks", "column": "x", "segments": ["one", "none"], **BUDGET})
    alone = calibrate(whole, monitor, 0.02, 100)
    both = calibrate(whole, monitor, 0.02, 100, (), {"one": part, "none": empty})
    assert set(both.columns) == {"x", "segment.one.x"}
    assert both.level == alone.level / 2


def test_persistence_remembers_each_segment_apart(world: World) -> None:
    watched = watching(world, threshold=0.3, persistence={"windows": 2, "of": 2})
    version = watched.register()
    first, second, third = (only(watched, day, version, rows=400, shift=12.0) for day in (80, 81, 82))
    assert first.verdict == "insufficient"  # nobody judged the window before
    assert (second.verdict, third.verdict) == ("drift", "drift")
    assert "in odd, size has drifted" in second.reason
    assert {name for name in first.metrics if name.startswith("exceeds.")} == {
        "exceeds.size", "exceeds.prediction", "exceeds.segment.odd.size", "exceeds.segment.odd.prediction",
    }  # fmt: skip


def test_a_season_compares_a_segment_with_the_same_weekday_of_the_same_segment(world: World) -> None:
    seasonal, plain = (watching(world, threshold=0.3, **one) for one in ({"season": "day_of_week"}, {}))
    version = seasonal.register(weekend=25.0)
    saturday = 89
    assert only(seasonal, saturday, version, rows=200, weekend=25.0).verdict == "ok"
    assert "in odd, size has drifted" in only(plain, saturday, version, rows=200, weekend=25.0).reason
    monday = only(seasonal, saturday + 2, version, rows=200, shift=25.0)
    assert "in odd, size has drifted" in monday.reason


def test_an_engine_counts_each_segment_on_the_grids_of_its_reference(world: World) -> None:
    plain, counting = (watching(world, engine, threshold=0.3) for engine in (None, DuckDb()))
    version = plain.register()
    one, other = (each.judge(92, version, rows=300, shift=8.0) for each in (plain, counting))
    names = [name for name in one.metrics if name.startswith("segment.odd.drift.")]
    assert names
    assert {name: other.metrics[name] for name in names} == {name: one.metrics[name] for name in names}
    assert [check.verdict for check in other.checks] == [check.verdict for check in one.checks]


def test_a_library_is_followed_in_segments_too(world: World) -> None:
    watched = watching(world, compatible="scipy")
    version = watched.register()
    result = watched.judge(93, version, rows=200, shift=3.0)
    reference = np.concatenate([np.asarray(features(day)["size"])[1::2] for day in range(14)])
    window = np.asarray(features(93, 200, 3.0)["size"])[1::2]
    expected = stats.ks_2samp(reference, window).statistic
    assert result.metrics["segment.odd.drift.size.scipy_ks"] == pytest.approx(expected, abs=1e-9)


def test_a_condition_that_has_changed_since_the_registration_is_told_and_never_compared(world: World) -> None:
    watched = watching(world, threshold=0.3)
    version = watched.register()
    other = dataclasses.replace(watched, segments={"odd": "size > 40"})
    check = only(other, 94, version)
    assert check.verdict == "error"
    assert f"the condition of the segment odd was {ODD!r} when the model version was registered" in check.reason
    assert "run the model_registry stage again" in check.reason
    assert other.register() == version
    assert only(other, 95, version).verdict == "ok"


def test_the_page_draws_the_past_of_a_segment(world: World) -> None:
    watched = watching(world, threshold=0.3)
    version = watched.register()
    watched.judge(96, version)
    page = Path(str(watched.judge(97, version).facts["report"])).read_text()
    assert page.count("inputs: ks over windows") == 4  # two columns, of all rows and of the segment


def test_an_engine_that_counts_a_table_of_its_own_knows_no_segments() -> None:
    engine = Ibis(url="sqlite:///x.db", table="scored", time="at")
    monitors = {"inputs": parse_monitor("inputs", {"use": "ks", "columns": "all", "segments": "all"})}
    with pytest.raises(ValueError, match="conditions on the rows that the stages keep, and the engine counts those"):
        ModelMonitoring(monitors, segments={"odd": ODD}, engine=engine)


def test_what_no_monitor_in_segments_can_have_is_refused_as_without_segments() -> None:
    with pytest.raises(ValidationError, match="takes no alarm_budget"):
        parse_monitor("x", {"use": "ks", "column": "y", "segments": "all", "compatible": "scipy", **BUDGET})


def replayed(watched: World, change: Change) -> list[Replayed]:
    stage = StageRun(
        pipeline=watched.pipeline, key=StageKey("flats", "dev", "model_monitoring"), window=None,
        directory=watched.directory, settings=watched.ports.settings, outputs=watched.ports.outputs, now=START,
        log=lambda text: None,
    )  # fmt: skip
    return list(replay(stage, watched.ports, change, "inputs", "2026-06-24", "2026-06-26"))


def test_recorded_windows_are_replayed_with_budgets_and_persistence_in_segments(world: World) -> None:
    watched = watching(world, threshold=0.3)
    version = watched.register()
    for day, shift in ((170, 0.0), (171, 14.0), (172, 14.0)):
        watched.judge(day, version, shift=shift)
    plain = replayed(watched, Change())
    assert [one.verdict for one in plain] == [one.recorded for one in plain] == ["ok", "drift", "drift"]
    for wanted in ("2 per quarter", "3 per year"):
        budget = replayed(watched, Change(alarm_budget=AlarmBudget.parse(wanted)))
        assert [one.verdict for one in budget] == ["ok", "drift", "drift"]
        assert "size in odd" in budget[1].drifted
        key = StageKey("flats", None, "feature_store")
        watched.ports.outputs.write(key, "2026-01-05", features(0, shift=1.0), inputs={})  # no rows: from profiles
    patient = replayed(watched, Change(persistence=Persistence(2, 2)))
    assert [one.verdict for one in patient] == ["ok", "ok", "drift"]
