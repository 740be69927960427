"""The eight canonical stages, their order, and the keys of the assets that they become."""

from dataclasses import dataclass
from typing import Literal, get_args

StageName = Literal[
    "data_ingestion",
    "data_preparation",
    "feature_store",
    "model_registry",
    "model_deployment",
    "model_inferencing",
    "model_monitoring",
    "cicd_enforcement",
]

STAGES: tuple[str, ...] = get_args(StageName)
"""Canonical order. Each stage consumes what the ones before it made."""

SHARED_STAGES = STAGES[:4]
"""Stages that run once for a pipeline; the other four run once for each environment."""

REALTIME = "model_inferencing_realtime"
BATCH = "model_inferencing_batch"
FOLDER = "model_inferencing_folder"

ASSETS = (*STAGES[:5], REALTIME, BATCH, FOLDER, *STAGES[6:])
"""Asset names in order: a stage is one asset, but model_inferencing is two that run in parallel, and one more for a
declared folder.
"""


WINDOWED = ("data_ingestion", "data_preparation", "feature_store", BATCH, "model_monitoring")
"""Assets that work on one window at a time."""


@dataclass(frozen=True, order=True)
class StageKey:
    """One stage of one pipeline, in one environment where the stage is per environment.

    >>> StageKey.parse("house_prices/prod/model_deployment")
    StageKey(pipeline='house_prices', environment='prod', stage='model_deployment')
    >>> str(StageKey("house_prices", None, "data_ingestion"))
    'house_prices/data_ingestion'
    """

    pipeline: str
    environment: str | None
    stage: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The asset key's parts: `[pipeline, stage]` or `[pipeline, environment, stage]`."""
        return tuple(part for part in (self.pipeline, self.environment, self.stage) if part)

    @classmethod
    def parse(cls, text: str) -> "StageKey":
        """The key written with slashes; `ValueError` if it does not have two or three parts."""
        parts = text.split("/")
        if len(parts) == 2:
            return cls(parts[0], None, parts[1])
        if len(parts) == 3:
            return cls(*parts)
        raise ValueError(f"expected pipeline/stage or pipeline/environment/stage, got {text!r}")

    def __str__(self) -> str:
        return "/".join(self.parts)
