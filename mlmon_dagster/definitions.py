"""What Dagster loads: every pipeline file of the folder `MLMON_PIPELINES` as assets, with sensors and schedules.

`defs` holds all of them. A large fleet is sharded into code locations by project: the attribute
`project_<name>` of this module (in `workspace.yaml`) holds only the pipelines of that project.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared, load_pipelines
from mlmon_dagster.assets.factory import build_pipeline_assets
from mlmon_dagster.assets.partitions import accepted_previews
from mlmon_dagster.resources.database import DatabaseResource
from mlmon_dagster.resources.mlflow import MlflowResource
from mlmon_dagster.resources.store import StoreResource
from mlmon_dagster.sensors import build_automation
from mlmon_dagster.settings import Settings, read_settings, unknown_variables


def build_pipeline_defs(
    declared: Declared | Sequence[Declared], settings: Settings | None = None, suffix: str = ""
) -> dg.Definitions:
    """Definitions of one pipeline or of several: the plain Python door, which the other doors end in.

    `suffix` keeps the names of sensors and schedules apart where several such definitions are merged.
    """
    settings = settings or read_settings()
    pipelines = {one.pipeline.name: one for one in ([declared] if isinstance(declared, Declared) else declared)}
    with accepted_previews():
        assets = [asset for one in pipelines.values() for asset in build_pipeline_assets(one, settings.environments)]
        automation = build_automation(pipelines, settings, suffix)
    return dg.Definitions(
        assets=assets,
        jobs=automation.jobs,
        sensors=automation.sensors,
        schedules=automation.schedules,
        resources=build_resources(settings),
        executor=dg.in_process_executor,
    )


@cache
def build_resources(settings: Settings) -> Mapping[str, dg.ConfigurableResource[Any]]:
    """The resources of a process with these settings."""
    return {
        "database": DatabaseResource(url=_secret("MLMON_DATABASE_URL", settings.database_url)),
        "store": StoreResource(folder=str(settings.store)),
        "mlflow": MlflowResource(
            tracking_url=_secret("MLMON_MLFLOW_URL", settings.mlflow_url),
            artifacts=str(settings.home / "mlflow-artifacts"),
        ),
    }


@dg.definitions
def defs() -> dg.Definitions:
    settings, declared = _loaded()
    return build_pipeline_defs(declared, settings)


def __getattr__(name: str) -> dg.Definitions:
    """`project_<name>`: the pipelines of one project, a code location of its own."""
    if not name.startswith("project_"):
        raise AttributeError(name)
    settings, declared = _loaded()
    return build_pipeline_defs([one for one in declared if one.pipeline.project == name[8:]], settings)


def _loaded() -> tuple[Settings, list[Declared]]:
    """Settings and pipelines of the process that Dagster starts; a misspelt variable is told in its log."""
    for sentence in unknown_variables(os.environ):
        print(f"Warning: {sentence}", file=sys.stderr)
    settings = read_settings()
    return settings, list(load_pipelines(settings.pipelines, os.environ).values())


def _secret(variable: str, value: str) -> str:
    """A URL that came from the environment stays a reference to it, so that Dagster never stores its password."""
    return dg.EnvVar(variable) if os.environ.get(variable) else value
