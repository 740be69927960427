"""The home of a deployment's process: the model that lies there, and what its server is told."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlmon_dagster.adapters.targets._process import running
from mlmon_dagster.adapters.targets._routes import Routes
from mlmon_dagster.ports import ModelVersion, Placement
from mlmon_dagster.settings import Settings


def options_of(placement: Placement, folder: Path, model: Path) -> dict[str, Any]:
    """What the server of a placement is told; its predictions are logged in the environment's `folder`."""
    version, declared = placement.version, placement.serving
    served = {
        "model": version.name,
        "version": version.number,
        "digest": version.digest,
        "pipeline": placement.pipeline,
        "environment": placement.environment,
        "deployment": placement.deployment,
    }
    return {
        "served": served,
        "model": str(model),
        "log_directory": str(folder / "predictions"),
        "log": {
            "durability": declared.durability,
            "when_full": declared.when_full,
            "sample": declared.sample,
            **({} if declared.log is None else {"ship_to": declared.log}),
        },
        "bands": {"moderate": declared.moderate, "high": declared.high},
        "serving": asdict(declared),
    }


def module_folders(settings: Settings, pipeline: str) -> list[Path]:
    """Where a model's own types are imported from, as when it was trained."""
    return [settings.pipelines, settings.pipelines / pipeline]


def place_model(version: ModelVersion, directory: Path, settings: Settings) -> None:
    """Copies the model's verified files, unless they lie there already and still verify."""
    from mlmon_dagster.adapters.mlflow.manifest import verify

    if directory.exists():
        verify(directory, version.digest)
        return
    from mlmon_dagster.adapters.mlflow.registry import open_registry

    part = directory.with_name(".model")
    if part.exists():
        shutil.rmtree(part)
    open_registry(settings).export(version, part)
    part.rename(directory)


def forget_models(folder: Path, routes: Routes) -> None:
    """Removes copies of models that no route names: a later rollback takes them from the registry again."""
    named = {one.home for one in routes.routes}
    for model in folder.glob("*/model"):
        if model.parent.name not in named and not running(model.parent):
            shutil.rmtree(model, ignore_errors=True)
