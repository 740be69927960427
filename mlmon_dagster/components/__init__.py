"""Dagster components: add a model to an existing Dagster project with one `defs.yaml`."""

from mlmon_dagster.components.pipeline import PipelineComponent

__all__ = ["PipelineComponent"]
