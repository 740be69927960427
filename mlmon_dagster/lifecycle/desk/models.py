"""Model versions at a desk."""

from dataclasses import dataclass

from mlmon_dagster.errors import MissingError, UnavailableError
from mlmon_dagster.governance.models import Model
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.plugins import unknown


@dataclass(frozen=True)
class Models:
    """Registered model versions."""

    _at: Standing

    def list(
        self, pipeline: str | None = None, *, newest: int | None = None, before: str | None = None
    ) -> tuple[Model, ...]:
        """Registered versions (if given the `newest`, of those before `before`), oldest first."""
        return self._at.newest(Model, newest, before, pipeline=pipeline)

    def versions(self, pipeline: str) -> tuple[Model, ...]:
        """Versions of one pipeline's model, oldest first; `MissingError` when the pipeline is not declared."""
        self._at.declared(pipeline)
        return self.list(pipeline)

    def register(self, pipeline: str, number: int) -> Recorded[Model]:
        """Makes a version of the model registry known to governance; see `lifecycle.models.register_model`."""
        declared = self._at.declared(pipeline).pipeline
        self._at.require("create", declared.project)
        if self._at.premises.registry is None:
            raise UnavailableError("no model registry is at hand here")
        version = self._at.premises.registry().version(declared.stages.model_registry.model, number)
        return self._at.recorded(register_model(self._at.governance, declared, version, actor=self._at.actor))

    def get(self, pipeline: str, number: int) -> Model:
        """One version; `MissingError` names the registered ones."""
        known = self.versions(pipeline)
        for one in known:
            if one.number == number:
                return one
        raise MissingError(unknown(f"version of {pipeline}", str(number), tuple(str(one.number) for one in known)))
