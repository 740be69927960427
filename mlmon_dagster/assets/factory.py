"""Makes the Dagster assets of a pipeline: the shared stages once, the others once for each environment."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.assets import catalogue, report
from mlmon_dagster.assets.catalogue import StageAsset
from mlmon_dagster.assets.partitions import PARTITIONS_PER_RUN, check_spec, partitions_of
from mlmon_dagster.assets.ports import Ports, open_ports
from mlmon_dagster.assets.stage import StageResult, StageRun
from mlmon_dagster.errors import BlockedError, DeniedError, MlmonError, UnavailableError
from mlmon_dagster.lifecycle.records import record_result
from mlmon_dagster.pipeline.stages import SHARED_STAGES, StageKey
from mlmon_dagster.pipeline.windows import Window

RETRY = dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Only what can pass by itself is tried again: a refusal or bad input raises a failure that forbids it."""

REFUSED = "refused"
"""Metadata label of a failure that only says no (a closed gate, a missing permission): nothing broke."""


def build_pipeline_assets(declared: Declared, environments: Sequence[str]) -> list[dg.AssetsDefinition]:
    """Every asset of one pipeline in the given environments (those that it declares)."""
    carried = [name for name in declared.pipeline.environments if name in environments]
    assets = [_asset(declared, stage, None) for stage in catalogue.SHARED]
    assets += [
        _asset(declared, stage, environment)
        for environment in carried
        for stage in catalogue.BY_ENVIRONMENT
        if stage.belongs(declared.pipeline, environment)
    ]
    return assets


def _asset(declared: Declared, stage: StageAsset, environment: str | None) -> dg.AssetsDefinition:
    pipeline = declared.pipeline
    key = StageKey(pipeline.name, environment, stage.name)
    asset_key = dg.AssetKey(key.parts)
    partitions = partitions_of(pipeline.windows) if stage.windows else None
    checks = [
        check_spec(name, asset_key, partitions, blocking=name in stage.blocking, description=text)
        for name, text in stage.checks(pipeline).items()
    ]

    @dg.asset(
        key=asset_key,
        deps=list(_deps(pipeline.name, stage, environment, pipeline.environments)),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(PARTITIONS_PER_RUN) if partitions else None,
        check_specs=checks,
        required_resource_keys={"database", "store", "mlflow"},
        retry_policy=RETRY,
        group_name=f"{pipeline.project}/{pipeline.name}/{environment or 'shared'}",
        owners=[pipeline.owner],
        kinds=set(stage.kinds),
        tags={"mlmon/environment": environment or "shared"},
        code_version=declared.digest[:12],
        description=stage.description,
        metadata={"pipeline_file": str(declared.file)},
        pool=f"{pipeline.name}/{environment}" if stage.name == "model_deployment" else None,
    )
    def materialize(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg] # Dagster reads it
        ports = open_ports(context.resources)
        if not partitions:
            return _materialized(_run(context, declared, stage, key, ports, None))
        windows = [pipeline.windows.window(name) for name in context.partition_keys]
        if context.has_partition_key:
            return _materialized(_run(context, declared, stage, key, ports, windows[0]))
        return _run_many(context, declared, stage, key, ports, windows)

    return materialize


def _deps(
    pipeline: str, stage: StageAsset, environment: str | None, environments: Sequence[str]
) -> Iterator[dg.AssetKey]:
    for name in stage.upstream:
        shared = name in SHARED_STAGES
        yield dg.AssetKey(StageKey(pipeline, None if shared else environment, name).parts)
    if stage.name == "model_deployment" and environment and environments.index(environment) > 0:
        before = environments[environments.index(environment) - 1]
        yield dg.AssetKey(StageKey(pipeline, before, "cicd_enforcement").parts)


def _run(
    context: dg.AssetExecutionContext,
    declared: Declared,
    stage: StageAsset,
    key: StageKey,
    ports: Ports,
    window: Window | None,
) -> StageResult:
    """Runs the stage once and records its metrics and checks; a refusal becomes Dagster's failure."""
    run = StageRun(
        pipeline=declared.pipeline,
        key=key,
        window=window,
        directory=declared.file.parent,
        settings=ports.settings,
        outputs=ports.outputs,
        now=datetime.now(timezone.utc),
        log=context.log.info,
    )
    try:
        result = stage.run(run, declared, ports)
    except MlmonError as error:
        refused = {REFUSED: True} if isinstance(error, BlockedError | DeniedError) else {}
        raise dg.Failure(
            description=str(error),
            allow_retries=isinstance(error, UnavailableError),
            metadata={"error": error.message, **refused},
        ) from error
    record_result(ports.governance, key, window.key if window else None, result, run.now)
    return result


def _run_many(
    context: dg.AssetExecutionContext,
    declared: Declared,
    stage: StageAsset,
    key: StageKey,
    ports: Ports,
    windows: Sequence[Window],
) -> "dg.MaterializeResult[Any]":
    """Runs every window of a backfill's range; each window keeps its own metadata and check evaluations."""
    results: list[StageResult] = []
    for window in windows:
        result = _run(context, declared, stage, key, ports, window)
        context.add_asset_metadata(report.metadata_of(result), partition_key=window.key)
        for check in result.checks:
            context.log_event(report.check_evaluation(check, context.asset_key, window.key))
        results.append(result)
    worst = [_worst([result.checks[place] for result in results]) for place in range(len(results[-1].checks))]
    return dg.MaterializeResult(check_results=[report.check_result(check) for check in worst])


def _worst(checks: Sequence[Any]) -> Any:
    order = ("ok", "no_data", "insufficient", "drift", "error")
    return max(checks, key=lambda check: order.index(check.verdict))


def _materialized(result: StageResult) -> "dg.MaterializeResult[Any]":
    return dg.MaterializeResult(
        metadata=report.metadata_of(result),
        data_version=dg.DataVersion(result.digest),
        check_results=[report.check_result(check) for check in result.checks],
    )
