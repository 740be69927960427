"""What stage 6 declares: how predictions are made and kept, by live servers and in batches."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from mlmon_dagster.plugins import CONFIG


@dataclass(frozen=True)
class BatchInferencing:
    """Batch inference: scores whole windows."""

    __pydantic_config__ = CONFIG

    each: Literal["window"] = "window"


@dataclass(frozen=True)
class RealtimeInferencing:
    """Real-time inference: what live servers answer, and log."""

    __pydantic_config__ = CONFIG

    log: Annotated[
        str | None,
        Field(description="where servers ship their log: `s3://bucket/prefix` or a folder (default: the target's)"),
    ] = None


@dataclass(frozen=True)
class ModelInferencing:
    """Stage 6: real-time and batch inference, in parallel."""

    __pydantic_config__ = CONFIG

    batch: BatchInferencing = field(default_factory=BatchInferencing)
    realtime: RealtimeInferencing = field(default_factory=RealtimeInferencing)
