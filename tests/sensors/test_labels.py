"""The sensor of late labels: which windows it asks for, when, and how seldom."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from retail import PIPELINE
from sqlalchemy import event
from sqlalchemy.engine import Engine

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.adapters.pipelines import Declared, load_pipeline
from mlmon_dagster.definitions import build_pipeline_defs
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.sensors.labels import RUNS_PER_TICK, Cursor, Due, fingerprint, landed, matured, runs
from mlmon_dagster.settings import read_settings

CLOSED = datetime(2026, 1, 7, tzinfo=timezone.utc)
"""When the window 2026-01-06 ended; its labels are mature a day later."""


def moment(days: float) -> datetime:
    return CLOSED + timedelta(days=days)


def declared(folder: Path, number: int = 0) -> Declared:
    home = folder / f"shop_{number}"
    home.mkdir(exist_ok=True)
    file = home / "pipeline.yaml"
    file.write_text(PIPELINE.replace("pipeline: shop", f"pipeline: shop_{number}"))
    return load_pipeline(file, {})


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Judgements in a database, and one pipeline whose labels are mature after a day."""
    monkeypatch.setenv("MLMON_HOME", str(tmp_path / "home"))
    settings = read_settings()
    database = open_database(settings.database_url)
    yield SimpleNamespace(
        folder=tmp_path, settings=settings, judgements=database.judgements, pipelines={"shop_0": declared(tmp_path)}
    )
    database.close()


def judge(shop, window="2026-01-06", share=0.5, at=0.1, verdict="no_data", environment="dev", pipeline="shop_0"):
    metrics = {"labels.share": share}
    shop.judgements.record(
        [Judged(pipeline, environment, "model_monitoring", window, "performance_drift", verdict, "so", metrics, 1,
                moment(at))]
    )  # fmt: skip


def due(shop, since, now):
    found = matured(shop.pipelines, shop.settings, shop.judgements, moment(since), moment(now))
    return [(one.window.key, one.environment) for one in found]


@pytest.mark.parametrize(
    ("since", "now", "asked"),
    [
        (0.2, 0.9, False),
        (0.9, 1.0, True),  # mature
        (1.0, 1.9, False),
        (1.9, 2.1, True),  # still not all there: twice, four and eight times the maturity
        (3.9, 4.0, True),
        (7.5, 8.5, True),
        (8.5, 40.0, False),
    ],
)
def test_a_window_is_asked_for_when_its_labels_are_mature_and_again_while_some_lack(shop, since, now, asked):
    judge(shop)

    assert bool(due(shop, since, now)) is asked


def test_a_window_that_has_all_its_labels_is_never_asked_for(shop):
    judge(shop, share=1.0, verdict="ok")
    assert due(shop, 0.5, 30) == []


def test_a_window_that_was_judged_after_its_labels_were_mature_is_not_asked_for_at_that_moment(shop):
    judge(shop, at=1.5)
    assert due(shop, 0.9, 1.6) == []
    assert due(shop, 1.9, 2.0) == [("2026-01-06", "dev")]


def test_a_window_that_was_never_judged_is_left_to_the_schedule(shop):
    assert due(shop, 0.5, 30) == []


def test_only_environments_that_are_carried_are_asked_for(shop, monkeypatch):
    monkeypatch.setenv("MLMON_ENVIRONMENTS", "prod")
    judge(shop)
    judge(shop, environment="prod")
    shop.settings = read_settings()

    assert due(shop, 0.9, 1.0) == [("2026-01-06", "prod")]


def test_labels_that_land_ask_for_the_windows_that_lack_some(shop):
    judge(shop, "2026-01-06", share=0.5, at=0.1)
    judge(shop, "2026-01-07", share=1.0, at=1.1, verdict="ok")
    judge(shop, "2026-01-08", share=0.0, at=2.1)
    found = landed(shop.pipelines, shop.settings, shop.judgements, ["shop_0"], moment(2.2))

    assert [one.window.key for one in found] == ["2026-01-06", "2026-01-08"]


def test_a_file_of_labels_tells_that_it_was_written_without_being_read(tmp_path):
    one = declared(tmp_path)
    nothing = fingerprint(one)
    (tmp_path / "shop_0" / "sales.csv").write_text("id,price\n1,2\n")
    first = fingerprint(one)
    (tmp_path / "shop_0" / "sales.csv").write_text("id,price\n1,2\n2,3\n")

    assert nothing == ""
    assert len({nothing, first, fingerprint(one)}) == 3


def test_pipelines_with_the_same_window_share_a_run_and_many_runs_are_spread_over_ticks(tmp_path):
    windows = [declared(tmp_path).pipeline.windows.window(f"2026-01-{day:02d}") for day in range(1, 15)]
    many = [Due(window.end, f"shop_{number}", "dev", window) for window in windows for number in range(110)]

    requests, left = runs(many, moment(30))

    assert len(requests) == RUNS_PER_TICK
    assert [len(one.asset_selection) for one in requests[:5]] == [25, 25, 25, 25, 10]
    assert sum(len(one.asset_selection) for one in requests) + len(left) == len(many)
    assert min(one.at for one in left) >= max(one.at for one in many if one not in left)
    assert len({one.run_key for one in requests}) == RUNS_PER_TICK


def test_the_cursor_survives_as_text():
    cursor = Cursor(CLOSED, {"shop": "abc"})
    assert Cursor.read(cursor.write(), moment(9)) == cursor
    assert Cursor.read(None, moment(30)).at == CLOSED


def tick(shop, pipelines, cursor):
    definitions = build_pipeline_defs(pipelines, shop.settings)
    seen = []

    def count(*arguments):
        seen.append(str(arguments[2]))

    with (
        dg.instance_for_test() as instance,
        dg.build_sensor_context(
            instance=instance, definitions=definitions, resources=dict(definitions.resources or {}), cursor=cursor
        ) as context,
    ):
        event.listen(Engine, "before_cursor_execute", count)
        try:
            result = definitions.resolve_sensor_def("late_labels").evaluate_tick(context)
        finally:
            event.remove(Engine, "before_cursor_execute", count)
    return result, sum("check_results" in statement for statement in seen)


def test_a_tick_reads_judgements_once_and_only_when_something_changed(shop):
    pipelines = [declared(shop.folder, number) for number in range(12)]
    for one in pipelines:
        judge(shop, pipeline=one.pipeline.name, at=-300)

    first, queries = tick(shop, pipelines, Cursor(moment(0.9), {}).write())
    again, quiet = tick(shop, pipelines, first.cursor)

    assert [len(one.asset_selection) for one in first.run_requests] == [12]
    assert queries == 1
    assert (again.run_requests, quiet) == ([], 0)
    assert set(json.loads(first.cursor)["fingerprints"]) == {one.pipeline.name for one in pipelines}
