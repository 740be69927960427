"""Self-test of a started version's drift detection: a version that would not see drift gets no traffic."""

from typing import Any

from mlmon_dagster.adapters.scenarios import ask_scenarios, read_scenarios, scenarios_of_version
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.errors import FailedError
from mlmon_dagster.ports import ModelRegistry, ModelVersion, Serving

REFERENCE = "reference"
"""In the place of a file: scenarios are made from the model's reference."""


def try_detection(
    stage: StageRun, declared: str | None, registry: ModelRegistry, version: ModelVersion, started: Serving
) -> dict[str, Any]:
    """How many declared scenarios the started server passed; `FailedError` names those that it did not."""
    if declared is None:
        return {}
    made = declared == REFERENCE
    scenarios = scenarios_of_version(registry, version) if made else read_scenarios(stage.directory / declared)
    outcomes = ask_scenarios(started.address, scenarios)
    faults = [f"{one.name}: {'; '.join(one.faults)}" for one in outcomes if not one.passed]
    if faults:
        raise FailedError(f"drift detection does not work: {' | '.join(faults)}")
    return {"scenarios": len(outcomes)}
