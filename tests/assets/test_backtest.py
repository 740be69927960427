"""Replaying recorded windows: what would have been called, beside what was."""

from typing import Any

import pytest
from watched import START, World

from mlmon_dagster.assets.backtest import Change, Replayed, environment_of, replay
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.budget import AlarmBudget
from mlmon_dagster.drift.persistence import Persistence
from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.pipeline.stages import StageKey

SHIFTS = {300: 0.0, 301: 4.0, 302: 12.0, 303: 0.0, 304: 12.0, 305: 12.0}


@pytest.fixture(scope="module")
def judged(opened: Any) -> World:
    """Windows of which the monitor called those that shifted far."""
    watched = World(*opened, {"inputs": {"use": "ks", "column": "size", "threshold": 0.3}})
    version = watched.register()
    for day, shift in SHIFTS.items():
        watched.judge(day, version, shift=shift)
    return watched


def replayed(judged: World, change: Change | None = None, **where: Any) -> list[Replayed]:
    stage = StageRun(
        pipeline=judged.pipeline, key=StageKey("flats", "dev", "model_monitoring"), window=None,
        directory=judged.directory, settings=judged.ports.settings, outputs=judged.ports.outputs, now=START,
        log=lambda text: None,
    )  # fmt: skip
    return list(replay(stage, judged.ports, change or Change(), **where))


def verdicts(found: list[Replayed]) -> list[str]:
    return [one.verdict for one in found]


def test_what_is_declared_calls_what_was_called(judged: World) -> None:
    found = replayed(judged)
    assert [one.recorded for one in found] == verdicts(found) == ["ok", "ok", "drift", "ok", "drift", "drift"]
    assert [one.rows for one in found] == [100] * 6
    assert environment_of(judged.pipeline, judged.ports, None) == "dev"


def test_another_threshold_method_or_persistence_calls_others(judged: World) -> None:
    assert verdicts(replayed(judged, Change(threshold=0.1))).count("drift") == 4
    assert verdicts(replayed(judged, Change(threshold=0.9))).count("drift") == 0
    psi = replayed(judged, Change(method="psi"))
    assert {drift.method for one in psi for drift in one.drifts} == {"psi"}
    assert {drift.threshold for one in psi for drift in one.drifts} == {0.2}
    patient = replayed(judged, Change(persistence=Persistence(2, 2)))
    assert verdicts(patient) == ["ok", "ok", "ok", "ok", "ok", "drift"]


def test_a_budget_is_calibrated_for_the_replay(judged: World) -> None:
    found = replayed(judged, Change(alarm_budget=AlarmBudget.parse("1 per quarter")))
    assert verdicts(found) == ["ok", verdicts(found)[1], "drift", "ok", "drift", "drift"]
    assert len({drift.threshold for one in found for drift in one.drifts}) == 1
    with pytest.raises(InputError, match="lets 33% of daily windows alarm"):
        replayed(judged, Change(alarm_budget=AlarmBudget.parse("10 per month")))


def test_only_the_windows_asked_for_are_replayed(judged: World) -> None:
    keys = [one.window for one in replayed(judged)]
    assert [one.window for one in replayed(judged, since=keys[1], until=keys[3])] == keys[1:4]


def test_what_is_not_there_is_told_with_what_is(judged: World) -> None:
    with pytest.raises(MissingError, match="there is no monitor of flats called 'input'; did you mean inputs"):
        replayed(judged, monitor="input")
    with pytest.raises(MissingError, match="recorded are 2026-11-01 to 2026-11-06"):
        replayed(judged, since="2030-01-01")
    with pytest.raises(MissingError, match="there is no environment of flats called 'prod'"):
        environment_of(judged.pipeline, judged.ports, "prod")


def test_nothing_is_recorded_by_a_replay(judged: World) -> None:
    before = judged.ports.governance.judgements.history("flats", "dev")
    replayed(judged, Change(threshold=0.01))
    assert judged.ports.governance.judgements.history("flats", "dev") == before


def test_a_change_is_tried_on_the_monitors_that_it_fits_and_a_named_one_that_it_does_not_fit_is_told(
    judged: World,
) -> None:
    both = judged.declaring(**judged.monitors, theirs={"use": "ks", "column": "size", "compatible": "scipy"})
    budget = Change(alarm_budget=AlarmBudget.parse("1 per quarter"))
    assert {one.monitor for one in replayed(both, budget)} == {"inputs"}
    assert {one.monitor for one in replayed(both)} == {"inputs", "theirs"}
    with pytest.raises(InputError, match="theirs judges by the rule of scipy"):
        replayed(both, budget, monitor="theirs")
    with pytest.raises(MissingError, match="flats has no monitor that this could be tried on"):
        replayed(both, Change(method="mmd"))
