"""The ports that a stage's run may use, opened from Dagster's resources."""

from dataclasses import dataclass
from typing import Any

from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.ports import ModelRegistry
from mlmon_dagster.settings import Settings


@dataclass(frozen=True)
class Ports:
    """Governance, versioned outputs and the model registry, with the settings they were opened from."""

    governance: Governance
    outputs: Outputs
    registry: ModelRegistry
    settings: Settings


def open_ports(resources: Any) -> Ports:
    """The ports behind the resources `database`, `store` and `mlflow`."""
    return Ports(
        governance=resources.database.governance(),
        outputs=resources.store.outputs(),
        registry=resources.mlflow.registry(),
        settings=resources.database.settings(),
    )
