"""MLflow for Dagster: gives assets the model registry; MLflow itself is imported at first use."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from mlmon_dagster.adapters.mlflow.registry import MlflowRegistry


class MlflowResource(dg.ConfigurableResource[Any]):
    """The MLflow registry at `tracking_url`, with its files under `artifacts` where no server says otherwise."""

    tracking_url: str
    artifacts: str | None = None

    def registry(self) -> "MlflowRegistry":
        """The registry; one connection for each process."""
        return _registry(self.tracking_url, self.artifacts)


@cache
def _registry(url: str, artifacts: str | None) -> "MlflowRegistry":
    from mlmon_dagster.adapters.mlflow.registry import MlflowRegistry

    return MlflowRegistry(url, Path(artifacts) if artifacts else None)
