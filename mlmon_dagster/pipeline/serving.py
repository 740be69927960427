"""What stage 6 declares: how predictions are made and kept, by live servers and in batches."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from mlmon_dagster.drift.zscore import HIGH, MODERATE
from mlmon_dagster.pipeline.forms import Cron
from mlmon_dagster.plugins import CONFIG

Durability = Literal["process", "local", "shared", "remote"]
WhenFull = Literal["fail_closed", "fail_open"]


@dataclass(frozen=True)
class BatchInferencing:
    """Batch inference: scores whole windows."""

    __pydantic_config__ = CONFIG

    each: Literal["window"] = "window"
    rescore: Annotated[
        bool,
        Field(
            description="when another version goes live, windows that were scored before are scored, and judged, again "
            "(default: they keep what was predicted then)"
        ),
    ] = False


@dataclass(frozen=True)
class FolderInferencing:
    """Batch inference on a folder: each Parquet file that comes is scored into a file of the same name.

    Where the pipeline's `engine` is Spark its workers score the files, which they must reach under the same path.
    """

    __pydantic_config__ = CONFIG

    input: Annotated[str, Field(min_length=1, description="folder with the Parquet files that come")]
    output: Annotated[str, Field(min_length=1, description="folder for the scored files")]
    environment: Annotated[
        Literal["dev", "staging", "prod"] | None,
        Field(description="whose live version scores (default: the last environment of the pipeline)"),
    ] = None
    schedule: Annotated[
        Cron | None, Field(description="cron: when new files are looked for (default: whenever some have come)")
    ] = None
    rescore: Annotated[
        bool,
        Field(
            description="when another version goes live, files that were scored before are scored again "
            "(default: they stay as they are)"
        ),
    ] = False


@dataclass(frozen=True)
class RealtimeInferencing:
    """Real-time inference: what live servers answer, and log. A server keeps what it was started with."""

    __pydantic_config__ = CONFIG

    log: Annotated[
        str | None,
        Field(description="where servers ship their log: `s3://bucket/prefix` or a folder (default: the target's)"),
    ] = None
    durability: Annotated[
        Durability,
        Field(
            description="what an answered prediction survives: its process, this machine's loss of power (`local`), "
            "the machine (`shared`: the log lies on a shared file system; `remote`: it is kept at `log` at once)"
        ),
    ] = "local"
    when_full: Annotated[
        WhenFull,
        Field(description="while predictions cannot be logged: refuse them (503), or give them unlogged and say so"),
    ] = "fail_closed"
    sample: Annotated[
        float, Field(gt=0, le=1, description="share of the requests that are logged; every row says it")
    ] = 1.0
    moderate: Annotated[float, Field(ge=0, description="drift score from which a record is moderately unusual")] = (
        MODERATE
    )
    high: Annotated[float, Field(ge=0, description="drift score above which it is highly unusual")] = HIGH
    probe: Annotated[
        Cron, Field(description="cron: when live servers are asked recorded rows and the declared scenarios")
    ] = "*/15 * * * *"

    def __post_init__(self) -> None:
        if self.moderate > self.high:
            raise ValueError(f"`moderate` ({self.moderate:g}) is above `high` ({self.high:g})")
        if self.log is not None and "://" in self.log and not self.log.startswith("s3://"):
            raise ValueError(f"`log` is a folder or s3://bucket/prefix, got {self.log!r}")
        if self.durability == "remote" and self.log is None:
            raise ValueError("`durability: remote` keeps predictions elsewhere: `log` must say where")


@dataclass(frozen=True)
class ModelInferencing:
    """Stage 6: real-time and batch inference, in parallel."""

    __pydantic_config__ = CONFIG

    batch: BatchInferencing = field(default_factory=BatchInferencing)
    realtime: RealtimeInferencing = field(default_factory=RealtimeInferencing)
    folder: FolderInferencing | None = None
