"""Model operations for Dagster: one YAML file, eight stages as assets, governed promotions."""

import os
from importlib import import_module
from typing import Any

from mlmon_dagster.processor import spare_avx512

spare_avx512(os.environ)  # before anything imports numpy

__version__ = "0.1.0"

_HOMES = {
    "build_pipeline_defs": "mlmon_dagster.definitions",
    "load_pipeline": "mlmon_dagster.adapters.pipelines",
    "load_pipelines": "mlmon_dagster.adapters.pipelines",
    "PipelineComponent": "mlmon_dagster.components",
    "Pipeline": "mlmon_dagster.pipeline.spec",
    "Profile": "mlmon_dagster.drift.profile",
    "Column": "mlmon_dagster.drift.column",
    "Monitor": "mlmon_dagster.drift.monitor",
    "judge": "mlmon_dagster.drift.judging",
    "MlmonError": "mlmon_dagster.errors",
}
"""Public name -> where it lives; each is imported when it is asked for, so that `import mlmon_dagster` stays quick."""

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
