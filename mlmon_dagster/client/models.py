"""Model versions at a server."""

from dataclasses import dataclass

from mlmon_dagster.client.connection import Connection, read
from mlmon_dagster.governance.models import Model
from mlmon_dagster.lifecycle.desk.answers import Recorded


@dataclass(frozen=True)
class Models:
    """See `lifecycle.desk.models.Models`."""

    _at: Connection

    def list(self, pipeline: str | None = None) -> tuple[Model, ...]:
        """Registered versions, oldest first."""
        return self._at.items(Model, "/api/models", pipeline=pipeline)

    def versions(self, pipeline: str) -> tuple[Model, ...]:
        """Versions of one pipeline's model, oldest first."""
        return tuple(reversed([read(Model, one) for one in self._at.get(f"/api/models/{pipeline}")]))

    def register(self, pipeline: str, number: int) -> Recorded[Model]:
        """Makes a version of the model registry known to governance."""
        return self._at.change(Model, "/api/models/register", {"pipeline": pipeline, "version": number})

    def get(self, pipeline: str, number: int) -> Model:
        """One version."""
        return self._at.one(Model, f"/api/models/{pipeline}/versions/{number}")
