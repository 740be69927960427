"""A version whose drift detection does not work gets no traffic."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from registered import register_versions

from mlmon_dagster.adapters.mlflow.registry import open_registry
from mlmon_dagster.adapters.pipelines import load_pipelines
from mlmon_dagster.adapters.prediction_log.reading import read_predictions
from mlmon_dagster.adapters.targets.local import Local
from mlmon_dagster.assets.detection import try_detection
from mlmon_dagster.errors import FailedError
from mlmon_dagster.ports import Placement

WRONG = "wild: {average: 0.1, records: [{sqft: 9000.5, grade: 7}]}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    settings, (version, *_) = register_versions(tmp_path_factory.mktemp("home"), 1)
    started = Local().start(Placement("d1", "houses", "prod", version, "direct"), settings)
    yield SimpleNamespace(settings=settings, version=version, started=started, registry=open_registry(settings))
    Local().stop("houses", "prod", "d1", settings)


def _tried(world: Any, declared: str | None, folder: Path) -> dict[str, Any]:
    stage: Any = SimpleNamespace(directory=folder)
    return try_detection(stage, declared, world.registry, world.version, world.started)


def test_a_server_passes_the_scenarios_that_its_own_reference_gives(world: Any, tmp_path: Path) -> None:
    assert _tried(world, "reference", tmp_path) == {"scenarios": 4}
    assert _tried(world, None, tmp_path) == {}


def test_a_scenario_that_fails_is_a_failed_deployment_that_says_which(world: Any, tmp_path: Path) -> None:
    (tmp_path / "scenarios.yaml").write_text(WRONG)
    with pytest.raises(FailedError, match=r"detection does not work: wild: the average score is .*, expected 0\.1"):
        _tried(world, "scenarios.yaml", tmp_path)


def test_its_records_are_no_predictions_of_callers(world: Any, tmp_path: Path) -> None:
    _tried(world, "reference", tmp_path)
    found = read_predictions(world.settings.serving / "houses" / "prod" / "predictions", None, "houses", None, None)
    assert found is None or found.num_rows == 0


def test_the_house_price_example_tries_its_scenarios_in_every_environment() -> None:
    found = load_pipelines(Path(__file__).parents[2] / "pipelines", {})["house_price_lambda"].pipeline
    declared = found.stages.model_deployment.environments
    assert [one.scenarios for one in declared.values()] == ["scenarios.yaml"] * 3
