"""The pipeline file's body as a Dagster component: `type: mlmon_dagster.PipelineComponent`, body under `attributes`."""

import os
from typing import Any

import dagster as dg
from pydantic import ConfigDict


class PipelineComponent(dg.Component, dg.Resolvable, dg.Model):
    """One pipeline: the eight stages of one model's life.

    The attributes are the body of a pipeline file, refused with the same messages; relative paths and
    the pipeline's own modules are found from the component's folder.
    """

    model_config = ConfigDict(extra="forbid")

    pipeline: str
    project: str
    owner: str
    windows: str | dict[str, Any]
    stages: dict[str, Any]
    description: str = ""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The pipeline's assets, checks, sensors and schedules."""
        from mlmon_dagster.adapters.pipelines import declare
        from mlmon_dagster.definitions import build_pipeline_defs

        declared = declare(self.model_dump(), context.path / "defs.yaml", os.environ)
        return build_pipeline_defs(declared, suffix=f"_{declared.pipeline.name}")
