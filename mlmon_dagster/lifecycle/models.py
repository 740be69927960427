"""The command that makes a model version known to governance."""

from mlmon_dagster.errors import BlockedError, InputError
from mlmon_dagster.governance.audit import written
from mlmon_dagster.governance.models import Model
from mlmon_dagster.lifecycle.governance import Governance, acting
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import ModelVersion


def register_model(governance: Governance, pipeline: Pipeline, version: ModelVersion, *, actor: str) -> Model:
    """Records the version (`model.registered`); the same version again changes nothing.

    A model version is immutable: raises `BlockedError` when its number is known with another digest.
    """
    if version.number < 1 or not version.digest:
        raise InputError(
            f"a model version has a number from 1 and a digest, got {version.number} and {version.digest!r}"
        )
    id = f"{pipeline.name}/{version.number}"
    with acting(governance, actor, "create", pipeline.project) as act:
        known = act.books.one(Model, id)
        if known is None:
            act.append("model.registered", id, _data(version), project=pipeline.project, pipeline=pipeline.name)
            known = act.books.one(Model, id)
        assert known is not None  # noqa: S101 - the entry above made it
    if known.digest != version.digest:
        raise BlockedError(
            f"version {version.number} of {pipeline.name} is registered with the digest {known.digest[:12]}, "
            f"not {version.digest[:12]}: a model version never changes",
            hint="register the new model as a new version",
        )
    return known


def _data(version: ModelVersion) -> dict[str, object]:
    return {
        "name": version.name,
        "number": version.number,
        "digest": version.digest,
        "uri": version.uri,
        "inputs": list(version.inputs),
        "created_at": written(version.created_at),
    }


def placed(model: Model) -> ModelVersion:
    """The model version as targets and the registry know it."""
    return ModelVersion(model.name, model.number, model.digest, model.uri, model.inputs, model.created_at)
