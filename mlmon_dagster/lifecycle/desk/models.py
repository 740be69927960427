"""Model versions at a desk."""

from dataclasses import dataclass

from mlmon_dagster.errors import MissingError
from mlmon_dagster.governance.models import Model
from mlmon_dagster.lifecycle.desk.standing import Standing, having
from mlmon_dagster.plugins import unknown


@dataclass(frozen=True)
class Models:
    """Registered model versions."""

    _at: Standing

    def list(self, pipeline: str | None = None) -> tuple[Model, ...]:
        """Registered versions, oldest first."""
        with self._at.governance.ledger.read() as reading:
            return self._at.seen(reading.find(Model, **having(pipeline=pipeline)))

    def versions(self, pipeline: str) -> tuple[Model, ...]:
        """Versions of one pipeline's model, oldest first; `MissingError` when the pipeline is not declared."""
        self._at.declared(pipeline)
        return self.list(pipeline)

    def get(self, pipeline: str, number: int) -> Model:
        """One version; `MissingError` names the registered ones."""
        known = self.versions(pipeline)
        for one in known:
            if one.number == number:
                return one
        raise MissingError(unknown(f"version of {pipeline}", str(number), tuple(str(one.number) for one in known)))
