"""Schedules and sensors: what they ask for, and that their cost does not grow with the number of pipelines."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from governed import Clock, deployed, governed
from retail import PIPELINE
from sqlalchemy import event

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.adapters.pipelines import Declared, load_pipeline, load_pipelines
from mlmon_dagster.definitions import build_pipeline_defs
from mlmon_dagster.errors import InvalidPipelineError
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.governance.deployments import Deployment, Step
from mlmon_dagster.ports import Measured, Newest
from mlmon_dagster.sensors.deployments import cut_off
from mlmon_dagster.sensors.endpoints import endpoint_runs, endpoint_schedules
from mlmon_dagster.sensors.folders import fingerprint, folder_schedules
from mlmon_dagster.sensors.heartbeat import silent_windows
from mlmon_dagster.sensors.windows import WINDOWS_PER_TICK, due_runs, due_windows
from mlmon_dagster.settings import Settings, read_settings

NOW = datetime(2026, 1, 10, 0, 30, tzinfo=timezone.utc)


def declared(tmp_path: Path, number: int = 0) -> Declared:
    folder = tmp_path / f"shop_{number}"
    folder.mkdir(exist_ok=True)
    file = folder / "pipeline.yaml"
    file.write_text(PIPELINE.replace("pipeline: shop", f"pipeline: shop_{number}"))
    return load_pipeline(file, {})


def judged(key: str) -> Newest:
    return Newest(key, NOW)


def test_closed_windows_after_the_reference_are_due_oldest_first(tmp_path: Path) -> None:
    windows = due_windows(declared(tmp_path), [None], NOW)
    assert [window.key for window in windows] == ["2026-01-06", "2026-01-07", "2026-01-08", "2026-01-09"]


def test_windows_that_every_live_environment_has_judged_are_not_due(tmp_path: Path) -> None:
    one = declared(tmp_path)
    assert [window.key for window in due_windows(one, ["2026-01-09", "2026-01-08"], NOW)] == ["2026-01-09"]
    assert due_windows(one, ["2026-01-09"], NOW) == []


def test_nothing_is_due_where_nothing_is_live(tmp_path: Path) -> None:
    assert due_windows(declared(tmp_path), [], NOW) == []


def test_a_pipeline_that_fell_behind_catches_up_in_portions(tmp_path: Path) -> None:
    late = NOW + timedelta(days=300)
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE.replace(", end: 2026-01-15", ""))
    assert len(due_windows(load_pipeline(file, {}), [None], late)) == WINDOWS_PER_TICK


def test_pipelines_with_the_same_windows_share_a_run(tmp_path: Path) -> None:
    pipelines = {f"shop_{number}": declared(tmp_path, number) for number in range(30)}
    live = dict.fromkeys(pipelines, ("dev",))
    newest = {(name, "dev"): judged("2026-01-08") for name in pipelines}
    requests = list(due_runs(pipelines, newest, live, NOW))
    assert [(one.partition_key, len(one.asset_selection or ())) for one in requests] == [
        ("2026-01-09", 25 * 5),
        ("2026-01-09", 5 * 5),
    ]
    assert len({one.run_key for one in requests}) == 2


def test_pipelines_with_different_windows_are_one_code_location(fleet: SimpleNamespace) -> None:
    daily = declared(fleet.folder)
    (fleet.folder / "hours").mkdir()
    file = fleet.folder / "hours" / "pipeline.yaml"
    file.write_text(PIPELINE.replace("pipeline: shop", "pipeline: hours").replace("every: daily", "every: hourly"))
    definitions = build_pipeline_defs([daily, load_pipeline(file, {})], fleet.settings)
    dg.Definitions.validate_loadable(definitions)
    repository = definitions.get_repository_def()
    governance = governed(fleet.database, Clock(NOW))
    deployed(governance, daily, "dev")
    with dg.build_schedule_context(
        instance=fleet.instance,
        resources=dict(definitions.resources or {}),
        scheduled_execution_time=NOW,
        repository_def=repository,
    ) as context:
        requests = repository.get_schedule_def("windows_0").evaluate_tick(context).run_requests
    assert [one.partition_key for one in requests or ()] == ["2026-01-06", "2026-01-07", "2026-01-08", "2026-01-09"]
    with dg.build_sensor_context(
        instance=fleet.instance, definitions=definitions, resources=dict(definitions.resources or {})
    ) as context:
        assert not repository.get_sensor_def("promotion_gate").evaluate_tick(context).run_requests


def test_the_shipped_pipelines_are_one_code_location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMON_HOME", str(tmp_path))
    settings = read_settings()
    shipped = load_pipelines(Path(__file__).parents[2] / "pipelines", {})
    assert len(shipped) > 1
    dg.Definitions.validate_loadable(build_pipeline_defs(list(shipped.values()), settings))


@pytest.mark.parametrize(("days", "silent"), [(2, 0), (3, 3), (5, 5)])
def test_three_closed_windows_without_a_verdict_are_silence(tmp_path: Path, days: int, silent: int) -> None:
    heard = datetime(2026, 1, 6, 1, tzinfo=timezone.utc)
    now = datetime(2026, 1, 6 + days, 0, 30, tzinfo=timezone.utc)
    assert len(silent_windows(declared(tmp_path), heard, now)) == silent


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    monkeypatch.setenv("MLMON_HOME", str(tmp_path / "home"))
    settings = read_settings()
    database = open_database(settings.database_url)
    with dg.instance_for_test() as instance:
        yield SimpleNamespace(folder=tmp_path, settings=settings, database=database, instance=instance)
    database.close()


def statements(fleet: SimpleNamespace, pipelines: int, sensor: str) -> int:
    """How many SQL statements a tick costs with so many pipelines, each judged in dev."""
    names = {number: declared(fleet.folder, number) for number in range(pipelines)}
    fleet.database.judgements.record(
        [
            Judged(one.pipeline.name, "dev", "model_monitoring", "2026-01-06", "inputs", "ok", "fine", {}, 1, NOW)
            for one in names.values()
        ]
    )
    definitions = build_pipeline_defs(list(names.values()), fleet.settings)
    seen: list[str] = []
    definition = definitions.resolve_sensor_def(sensor)
    from sqlalchemy.engine import Engine

    def count(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    with dg.build_sensor_context(
        instance=fleet.instance, definitions=definitions, resources=dict(definitions.resources or {}), cursor="0"
    ) as context:
        event.listen(Engine, "before_cursor_execute", count)
        try:
            definition.evaluate_tick(context)
        finally:
            event.remove(Engine, "before_cursor_execute", count)
    return len(seen)


@pytest.mark.parametrize("sensor", ["promotion_gate", "heartbeat", "drift_alerts", "metric_alerts"])
def test_a_tick_costs_the_same_whatever_the_number_of_pipelines(fleet: SimpleNamespace, sensor: str) -> None:
    few = statements(fleet, 2, sensor)
    assert statements(fleet, 40, sensor) == few


def test_only_declared_environments_that_are_carried_become_assets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLMON_ENVIRONMENTS", "prod")
    settings: Settings = read_settings(directory=tmp_path)
    keys = build_pipeline_defs(declared(tmp_path), settings).resolve_asset_graph().materializable_asset_keys
    parts = {key.path[1] for key in keys if len(key.path) == 3}
    assert parts == {"prod"}


def test_the_audit_log_is_signed_also_when_nothing_happens(fleet: SimpleNamespace) -> None:
    definitions = build_pipeline_defs(declared(fleet.folder), fleet.settings)
    with dg.build_sensor_context(
        instance=fleet.instance, definitions=definitions, resources=dict(definitions.resources or {})
    ) as context:
        tick = definitions.resolve_sensor_def("audit_checkpoints").evaluate_tick(context)
    assert tick.skip_message is not None
    assert tick.skip_message.startswith("0 entries were signed")
    assert [file.name for file in (fleet.folder / "home" / "checkpoints").iterdir()] == ["000000000000.checkpoint"]


def measured(fleet: SimpleNamespace, name: str, *values: float, at: datetime = NOW) -> None:
    for place, value in enumerate(values):
        moment = at + timedelta(minutes=5 * place)
        fleet.database.metrics.record([Measured("shop_0", "dev", "model_inferencing", None, name, value, 1, moment)])


def tick(fleet: SimpleNamespace, sensor: str, cursor: str | None = None) -> Any:
    definitions = build_pipeline_defs(declared(fleet.folder), fleet.settings)
    with dg.build_sensor_context(
        instance=fleet.instance, definitions=definitions, resources=dict(definitions.resources or {}), cursor=cursor
    ) as context:
        return definitions.resolve_sensor_def(sensor).evaluate_tick(context)


def test_a_rule_that_is_broken_in_two_periods_asks_for_an_alert(fleet: SimpleNamespace) -> None:
    measured(fleet, "latency_ms.p99", 150.0)
    first = tick(fleet, "metric_alerts")
    assert first.run_requests == []
    measured(fleet, "latency_ms.p99", 160.0, at=NOW + timedelta(minutes=5))
    second = tick(fleet, "metric_alerts", first.cursor)
    (asked,) = second.run_requests or []
    (failed,) = asked.run_config["ops"]["raise_alerts_op"]["config"]["failed"]
    assert (failed["check"], failed["severity"]) == ("rule:slow_answers", "warning")
    assert "latency_ms.p99 is 160, above 100 in 2 of the last 2" in failed["reason"]
    assert tick(fleet, "metric_alerts", second.cursor).run_requests == []


@pytest.mark.parametrize(("minutes", "asked"), [(1, False), (10, True)])
def test_a_deployment_that_stays_at_a_step_is_taken_up_again(tmp_path: Path, minutes: int, asked: bool) -> None:
    staging = declared(tmp_path).pipeline.stages.model_deployment.environments["staging"]
    one = Deployment(
        "d", 1, "promotion-1", "shop_0", "retail", "staging", 1, "1" * 64, "local", "canary", "shifting", None, NOW, "m"
    )
    assert cut_off(one, Step("shifting", 10, NOW), staging, NOW + timedelta(minutes=minutes)) is asked
    rollback = replace(one, promotion=None)
    assert not cut_off(rollback, Step("started", 0, NOW), staging, NOW + timedelta(minutes=minutes))


def with_folder(tmp_path: Path, more: str = "") -> Declared:
    folder = tmp_path / "shop_0"
    (folder / "incoming").mkdir(parents=True, exist_ok=True)
    file = folder / "pipeline.yaml"
    text = PIPELINE.replace("pipeline: shop", "pipeline: shop_0")
    kept = text[: text.index("  model_inferencing:")]
    rest = text[text.index("  model_monitoring:") :]
    file.write_text(f"{kept}  model_inferencing: {{folder: {{input: incoming, output: scored{more}}}}}\n{rest}")
    return load_pipeline(file, {})


def test_a_folder_is_an_asset_of_its_environment_and_looks_different_when_a_file_came(tmp_path: Path) -> None:
    one = with_folder(tmp_path, ", environment: dev")
    settings = read_settings({"MLMON_HOME": str(tmp_path)})
    found = build_pipeline_defs(one, settings)
    keys = [key.path for key in found.resolve_all_asset_keys()]
    assert [key for key in keys if key[-1] == "model_inferencing_folder"] == [
        ["shop_0", "dev", "model_inferencing_folder"]
    ]
    before = fingerprint(one)
    (tmp_path / "shop_0" / "incoming" / "a.parquet").write_bytes(b"PAR1")
    assert (before, len(fingerprint(one))) == ("", 64)


def test_another_version_makes_a_folder_look_different_only_where_it_is_to_be_scored_again(tmp_path: Path) -> None:
    for more, differs in (("", False), (", rescore: true", True)):
        one = with_folder(tmp_path, more)
        (tmp_path / "shop_0" / "incoming" / "a.parquet").write_bytes(b"PAR1")
        assert (fingerprint(one, "deployment-1") != fingerprint(one, "deployment-2")) is differs


def test_a_folder_with_a_schedule_is_scored_by_the_clock(tmp_path: Path) -> None:
    one = with_folder(tmp_path, ', schedule: "5 3 * * *"')
    (schedule,) = folder_schedules({"shop_0": one}, read_settings({"MLMON_HOME": str(tmp_path)}))
    assert schedule.cron_schedule == "5 3 * * *"
    with dg.build_schedule_context(scheduled_execution_time=NOW) as context:
        (request,) = schedule.evaluate_tick(context).run_requests
    last = one.pipeline.environments[-1]
    assert [key.path for key in request.asset_selection or ()] == [["shop_0", last, "model_inferencing_folder"]]


def test_a_folder_of_an_environment_that_is_not_declared_is_refused(tmp_path: Path) -> None:
    one = with_folder(tmp_path, ", environment: prod")
    assert one.pipeline.folder_environment == "prod"
    without = "".join(line for line in one.file.read_text().splitlines(True) if not line.startswith("    prod:"))
    one.file.write_text(without)
    with pytest.raises(InvalidPipelineError, match="which `model_deployment` does not declare"):
        load_pipeline(one.file, {})


def test_shipped_predictions_are_looked_for_where_something_is_live(fleet: SimpleNamespace) -> None:
    found = tick(fleet, "shipped_predictions")
    assert found.skip_message == "0 files were recorded"
    assert not found.run_requests
    assert tick(fleet, "folders").skip_message == "no folder has new files"


def test_live_servers_are_asked_by_the_clock_several_in_a_run(fleet: SimpleNamespace) -> None:
    live = {f"shop_{number}": ("dev", "prod") for number in range(20)}
    requests = list(endpoint_runs(live, fleet.settings, NOW))
    assert [len(one.asset_selection or ()) for one in requests] == [25, 15]
    assert (requests[0].asset_selection or [])[0].path == ["shop_0", "dev", "model_inferencing_realtime"]
    one = declared(fleet.folder)
    (schedule,) = endpoint_schedules({"shop_0": one}, fleet.settings)
    assert schedule.cron_schedule == "*/15 * * * *"
    definitions = build_pipeline_defs(one, fleet.settings)
    with dg.build_schedule_context(
        instance=fleet.instance, resources=dict(definitions.resources or {}), scheduled_execution_time=NOW
    ) as context:
        assert schedule.evaluate_tick(context).skip_message == "nothing is live"
