"""Who may ask for which run, and that a request is carried out once."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from governed import Clock, declared
from retail import PIPELINE

from mlmon_dagster.adapters.pipelines import load_pipeline
from mlmon_dagster.assets.catalogue import BY_ENVIRONMENT, SHARED
from mlmon_dagster.definitions import build_pipeline_defs
from mlmon_dagster.errors import DeniedError, InputError, MissingError
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.lifecycle.runs import request_run, requested_runs
from mlmon_dagster.pipeline.stages import WINDOWED
from mlmon_dagster.resources.governance import open_office
from mlmon_dagster.settings import read_settings

WINDOW = "2026-01-05"
CELLS = [
    ("mia", "data_ingestion", None, True),
    ("dan", "model_registry", None, True),
    ("pia", "data_ingestion", None, False),
    ("sue", "data_ingestion", None, False),
    ("mia", "model_deployment", "dev", True),
    ("mia", "model_deployment", "staging", False),
    ("pia", "model_deployment", "staging", True),
    ("pia", "model_deployment", "prod", False),
    ("root", "model_deployment", "prod", True),
    ("max", "model_monitoring", "prod", True),
    ("max", "model_deployment", "dev", False),
    ("sue", "model_monitoring", "dev", False),
    ("max", "cicd_enforcement", "dev", False),
]


@pytest.mark.parametrize(("who", "stage", "environment", "permitted"), CELLS)
def test_a_run_takes_the_permission_of_what_it_does(
    governance: Governance, who: str, stage: str, environment: str | None, permitted: bool
) -> None:
    window = WINDOW if stage in WINDOWED else None
    if not permitted:
        with pytest.raises(DeniedError):
            request_run(governance, declared().pipeline, [stage], environment, window, actor=who)
        assert requested_runs(governance) == ()
        return
    found = request_run(governance, declared().pipeline, [stage], environment, window, actor=who, reason="again")
    assert requested_runs(governance, "prices") == (found,)
    assert (found.stages, found.window, found.requested_by) == ((stage,), window, who)


def test_one_stage_that_is_not_permitted_stops_the_whole_request(governance: Governance) -> None:
    stages = ["model_monitoring", "model_deployment"]
    with pytest.raises(DeniedError):
        request_run(governance, declared().pipeline, stages, "dev", WINDOW, actor="max")


@pytest.mark.parametrize(
    ("stages", "environment", "window", "error"),
    [
        ([], None, None, InputError),
        (["training"], None, None, MissingError),
        (["model_deployment"], None, None, InputError),
        (["model_deployment"], "qa", None, MissingError),
        (["data_ingestion"], "dev", WINDOW, InputError),
        (["data_ingestion"], None, None, InputError),
        (["data_ingestion"], None, "2026-01-06", InputError),
        (["data_ingestion"], None, "2026-13-01", InputError),
        (["model_registry"], None, WINDOW, InputError),
    ],
)
def test_a_request_that_cannot_be_run_is_refused(
    governance: Governance, stages: list[str], environment: str | None, window: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        request_run(governance, declared().pipeline, stages, environment, window, actor="root")


def test_the_windowed_stages_are_those_of_the_catalogue() -> None:
    assert set(WINDOWED) == {stage.name for stage in (*SHARED, *BY_ENVIRONMENT) if stage.windows}


def test_a_request_is_taken_up_once_and_not_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMON_HOME", str(tmp_path / "home"))
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE, encoding="utf-8")
    one, settings = load_pipeline(file, {}), read_settings()
    office = open_office(settings)
    grant_role(office.governance, "root", "admin", actor="root")
    clock = Clock(datetime.now(timezone.utc) - timedelta(days=2))
    late = Governance(office.ledger, office.governance.judgements, office.governance.metrics, clock)
    request_run(late, one.pipeline, ["model_registry"], actor=MACHINE)
    asked = request_run(office.governance, one.pipeline, ["data_ingestion"], None, "2026-01-06", actor="root")
    definitions = build_pipeline_defs([one], settings)
    sensor = definitions.resolve_sensor_def("requested_runs")
    with dg.instance_for_test() as instance:

        def tick(cursor: str | None) -> Any:
            with dg.build_sensor_context(
                instance=instance, cursor=cursor, definitions=definitions, resources=dict(definitions.resources or {})
            ) as context:
                return sensor.evaluate_tick(context)

        first = tick(None)
        [run] = first.run_requests
        assert (run.run_key, run.partition_key) == (asked.id, "2026-01-06")
        assert run.asset_selection == [dg.AssetKey(["shop", "data_ingestion"])]
        assert not tick(first.cursor).run_requests
    office.close()
