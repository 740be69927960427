"""Windows that an earlier version scored: which are asked for, in which order, and when no more."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest
from retail import PIPELINE

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.adapters.pipelines import load_pipeline
from mlmon_dagster.definitions import build_pipeline_defs
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.pipeline.stages import BATCH
from mlmon_dagster.ports import Judgements
from mlmon_dagster.sensors.rescoring import Rescoring, again
from mlmon_dagster.sensors.windows import WINDOWS_PER_TICK
from mlmon_dagster.settings import read_settings

NOW = datetime(2026, 1, 20, tzinfo=timezone.utc)
DAYS = [f"2026-01-{number:02}" for number in range(6, 16)]
LIVE = Deployment(
    "deployment-2", 9, "promotion-2", "shop", "retail", "prod", 2, "2" * 64, "local", "canary", "live",
    "deployment-1", NOW, "machine", succeeded_at=NOW,
)  # fmt: skip


@pytest.fixture
def judgements(tmp_path: Path) -> Iterator[Judgements]:
    database = open_database(read_settings({"MLMON_HOME": str(tmp_path / "home")}).database_url)
    yield database.judgements
    database.close()


def scored(judgements: Judgements, version: int, *windows: str, stage: str = BATCH, check: str = "predictions") -> None:
    judgements.record(
        [Judged("shop", "prod", stage, window, check, "ok", f"by {version}", {}, version, NOW) for window in windows]
    )


def test_windows_of_another_version_are_asked_for_once_the_oldest_first(judgements: Judgements) -> None:
    scored(judgements, 1, *DAYS)
    scored(judgements, 1, *DAYS, stage="model_monitoring", check="inputs")
    requests, after = again([LIVE], judgements, {}, NOW)
    assert [one.partition_key for one in requests] == DAYS[:WINDOWS_PER_TICK]
    assert [key.path[-1] for key in requests[0].asset_selection or ()] == [BATCH, "model_monitoring"]
    scored(judgements, 2, DAYS[0])  # one has ended, the others are under way or failed
    requests, after = again([LIVE], judgements, after, NOW)
    assert [one.partition_key for one in requests] == DAYS[WINDOWS_PER_TICK:]
    assert again([LIVE], judgements, after, NOW)[0] == []


def test_what_the_live_version_has_scored_stays(judgements: Judgements) -> None:
    scored(judgements, 2, *DAYS)
    requests, after = again([LIVE], judgements, {}, NOW)
    assert (requests, after) == ([], {"shop/prod": Rescoring("deployment-2")})


def test_after_a_while_nothing_more_is_looked_for_until_the_next_deployment(judgements: Judgements) -> None:
    later = NOW + timedelta(hours=2)
    settled = again([LIVE], judgements, {}, later)[1]
    assert settled == {"shop/prod": Rescoring("deployment-2", settled=True)}
    scored(judgements, 1, DAYS[0])
    assert again([LIVE], judgements, settled, later)[0] == []
    back = replace(LIVE, id="deployment-3", version=3)  # also a rollback is a deployment of its own
    requests, _ = again([back], judgements, settled, later)
    assert [one.run_key for one in requests] == [f"rescore:deployment-3:{DAYS[0]}"]


@pytest.mark.parametrize("declared", [False, True])
def test_only_where_it_is_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: bool) -> None:
    monkeypatch.setenv("MLMON_HOME", str(tmp_path / "home"))
    file = tmp_path / "pipeline.yaml"
    batch = "{batch: {each: window, rescore: true}}" if declared else "{batch: {each: window}}"
    head, rest = PIPELINE.split("  model_inferencing:", 1)
    file.write_text(f"{head}  model_inferencing: {batch}\n{rest[rest.index('  model_monitoring:') :]}")
    definitions = build_pipeline_defs(load_pipeline(file, {}), read_settings())
    sensor = definitions.resolve_sensor_def("rescored_windows")
    assert ("(1 pipelines" if declared else "(0 pipelines") in str(sensor.description)
    with (
        dg.instance_for_test() as instance,
        dg.build_sensor_context(
            instance=instance, definitions=definitions, resources=dict(definitions.resources or {})
        ) as context,
    ):
        found = sensor.evaluate_tick(context)
    assert (found.skip_message, json.loads(found.cursor or "")) == ("no window waits to be scored again", {})
