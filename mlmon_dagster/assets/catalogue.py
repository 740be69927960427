"""The stages as a table: what each consumes, which checks it reports, and the function that runs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.assets import (
    cicd_enforcement,
    data_ingestion,
    data_preparation,
    feature_store,
    folder,
    model_deployment,
    model_inferencing,
    model_monitoring,
    model_registry,
)
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import StageResult, StageRun
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import BATCH, FOLDER, REALTIME


@dataclass(frozen=True)
class StageAsset:
    """How one stage appears in Dagster."""

    name: str
    description: str
    run: Callable[[StageRun, Declared, Ports], StageResult]
    checks: Callable[[Pipeline], Mapping[str, str]]
    """Check name -> what it says, for every check the stage always reports."""
    upstream: tuple[str, ...] = ()
    windows: bool = False
    """Whether the asset is partitioned by window."""
    blocking: frozenset[str] = frozenset()
    """Checks that stop what comes after in the same run."""
    kinds: tuple[str, ...] = ("python",)
    belongs: Callable[[Pipeline, str | None], bool] = lambda pipeline, environment: True
    """Whether a pipeline has it in an environment."""


SHARED = (
    StageAsset(
        "data_ingestion",
        "Cuts the source's rows into immutable, versioned windows.",
        lambda run, declared, ports: data_ingestion.run(run),
        lambda pipeline: data_ingestion.CHECKS,
        windows=True,
        kinds=("python", "parquet"),
    ),
    StageAsset(
        "data_preparation",
        "Checks every row against the declared schema; invalid rows are set aside with a reason.",
        lambda run, declared, ports: data_preparation.run(run),
        lambda pipeline: data_preparation.CHECKS,
        upstream=("data_ingestion",),
        windows=True,
        blocking=frozenset({"schema"}),
        kinds=("pandas", "parquet"),
    ),
    StageAsset(
        "feature_store",
        "Computes the declared features of every window and keeps them for point-in-time joins.",
        lambda run, declared, ports: feature_store.run(run),
        lambda pipeline: feature_store.CHECKS,
        upstream=("data_preparation",),
        windows=True,
        kinds=("duckdb", "parquet"),
    ),
    StageAsset(
        "model_registry",
        "Registers the model, trained once on the reference or brought along, with its reference profile.",
        lambda run, declared, ports: model_registry.run(run, declared, ports),
        lambda pipeline: model_registry.CHECKS,
        upstream=("feature_store",),
        kinds=("mlflow",),
    ),
)
"""Stages that all environments share, in canonical order."""

BY_ENVIRONMENT = (
    StageAsset(
        "model_deployment",
        "Re-reads the gate, and only if it is open puts the promoted version on the target, watches it, or rolls back.",
        lambda run, declared, ports: model_deployment.run(run, declared, ports),
        lambda pipeline: model_deployment.CHECKS,
        upstream=("model_registry",),
        blocking=frozenset({"serving"}),
        kinds=("python",),
    ),
    StageAsset(
        REALTIME,
        "Asks the live server for predictions as a client would and measures its answers.",
        lambda run, declared, ports: model_inferencing.run_realtime(run, declared, ports),
        lambda pipeline: model_inferencing.REALTIME_CHECKS,
        upstream=("model_deployment",),
        kinds=("python",),
    ),
    StageAsset(
        BATCH,
        "Scores a whole window with the version that is live.",
        lambda run, declared, ports: model_inferencing.run_batch(run, declared, ports),
        lambda pipeline: model_inferencing.BATCH_CHECKS,
        upstream=("model_deployment", "feature_store"),
        windows=True,
        kinds=("scikitlearn", "parquet"),
    ),
    StageAsset(
        FOLDER,
        "Scores the files of the declared folder that came and are not scored yet, with the version that is live.",
        lambda run, declared, ports: folder.run(run, ports),
        lambda pipeline: folder.CHECKS,
        upstream=("model_deployment",),
        kinds=("scikitlearn", "parquet"),
        belongs=lambda pipeline, environment: (
            pipeline.stages.model_inferencing.folder is not None and environment == pipeline.folder_environment
        ),
    ),
    StageAsset(
        "model_monitoring",
        "Measures drift of the window from the reference, judges it, and compares predictions with late labels.",
        lambda run, declared, ports: model_monitoring.run(run, declared, ports),
        model_monitoring.checks,
        upstream=(BATCH, REALTIME),
        windows=True,
        kinds=("numpy",),
    ),
    StageAsset(
        "cicd_enforcement",
        "Holds locked stages to their declaration and writes the evidence for the next environment's gate.",
        lambda run, declared, ports: cicd_enforcement.run(run, declared, ports),
        lambda pipeline: cicd_enforcement.CHECKS,
        upstream=("model_monitoring",),
        kinds=("github",),
    ),
)
"""Stages of one environment, in canonical order."""
