"""Stage 6: batch inference scores whole windows, real-time inference asks the live server as a client would."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.mlflow.signature import conform
from mlmon_dagster.assets import batch, endpoint
from mlmon_dagster.assets.detection import try_detection
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.probabilities import probability_columns
from mlmon_dagster.assets.stage import CheckResult, StageResult, StageRun
from mlmon_dagster.errors import BlockedError, DataError, FailedError
from mlmon_dagster.lifecycle.queries import live_deployment
from mlmon_dagster.ports import ModelVersion

if TYPE_CHECKING:
    import pandas as pd

    from mlmon_dagster.adapters.pipelines import Declared

BATCH_CHECKS: Mapping[str, str] = {"predictions": "Every row of the window has a finite prediction."}
REALTIME_CHECKS: Mapping[str, str] = {
    "endpoint": "The live server answers with the version that is recorded as live, at most 1 % of requests fail, "
    "and declared scenarios of drift are recognised."
}
MAXIMUM_ERROR_RATE = 0.01
"""Share of failed requests above which the endpoint fails (requirement A3: alarm at 1 %)."""

ROWS = 50
"""Rows that the live server is asked about."""


def run_batch(stage: StageRun, declared: "Declared", ports: Ports) -> StageResult:
    """Scores the window with the version that is live in the environment.

    Raises `BlockedError` when nothing is live or the window has no features.
    """
    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    version = live_version(stage, ports)
    key = stage.upstream("feature_store")
    features = stage.outputs.output(key, stage.window.key)
    if features is None:
        raise BlockedError(
            f"window {stage.window.key} has no features", hint=f"materialise {key} for that window first"
        )
    rows = stage.outputs.read(key, stage.window.key)
    registry: Any = ports.registry
    scorer = batch.load(registry, version)
    probabilities = _probabilities(stage, registry, version, scorer.model)
    numbers, where = _scoring(stage, registry, version)
    scored = batch.score(scorer, rows, batch.carried(stage.pipeline), probabilities, numbers)
    output = stage.outputs.write(
        stage.key,
        stage.window.key,
        scored.rows,
        inputs={"features": features.digest, "model": version.digest},
        quarantine=scored.quarantine,
        facts={"version": version.number, "digest": version.digest},
    )
    stage.log(f"{output.rows} rows of window {stage.window.key} were scored by version {version.number}{where}")
    metrics = {"rows": float(output.rows), "rows_quarantined": float(output.quarantined)}
    metrics |= {**batch.statistics(scored.rows), "predictions.invalid": float(scored.invalid)}
    return StageResult(
        output.digest,
        metrics,
        (_predictions_check(stage.window.key, output.rows, output.quarantined, metrics),),
        {"version": version.number, "digest": version.digest},
    )


def _scoring(stage: StageRun, registry: Any, version: ModelVersion) -> "tuple[Any, str]":
    """How the window's numbers are computed, and where: on Spark where that is the pipeline's engine."""
    from mlmon_dagster.adapters.engines.spark import Spark

    engine = stage.pipeline.stages.model_monitoring.engine
    if isinstance(engine, Spark):
        return batch.numbers_on(engine, registry, version, stage.settings), " on Spark"
    return batch.numbers_here, ""


def _probabilities(stage: StageRun, registry: Any, version: ModelVersion, model: Any) -> batch.Probabilities | None:
    """Probabilities of a classifier whose performance is declared: metrics and estimates may need them."""
    if not model.classifies or stage.pipeline.stages.model_monitoring.performance is None:
        return None
    native = batch.load_native(registry, version)
    return lambda frame: probability_columns(native, conform(frame, model.inputs))


def run_realtime(stage: StageRun, declared: "Declared", ports: Ports) -> StageResult:
    """Sends recorded rows to the live server one by one and measures its answers.

    Raises `BlockedError` when nothing is live; a server that does not answer is a failed check, never a green one.
    """
    version = live_version(stage, ports)
    declared_here = stage.pipeline.stages.model_deployment.environments[str(stage.key.environment)]
    target = declared_here.target
    serving = target.live(stage.pipeline.name, stage.key.environment, stage.settings)
    facts: dict[str, Any] = {"version": version.number, "digest": version.digest}
    if serving is None or serving.status != "healthy" or serving.digest != version.digest:
        reason = _unhealthy(serving, version)
        check = CheckResult("endpoint", "error", reason)
        return StageResult(version.digest, {"error_rate": 1.0}, (check,), {**facts, "reason": reason})
    probed = endpoint.probe(serving.address, _rows(stage, ports, version), version.number)
    check = _endpoint_check(serving.address, probed)
    try:
        tried = try_detection(stage, declared_here.scenarios, ports.registry, version, serving)
    except FailedError as error:
        tried, check = {}, replace(check, verdict="error", reason=f"{error.message}; {check.reason}")
    facts |= tried
    return StageResult(version.digest, probed.metrics, (check,), {**facts, "address": serving.address})


def live_version(stage: StageRun, ports: Ports) -> ModelVersion:
    """The version recorded as live, as the registry knows it; its digest must be the one that was deployed."""
    live = live_deployment(ports.governance, stage.pipeline.name, str(stage.key.environment))
    if live is None:
        raise BlockedError(
            f"no version of {stage.pipeline.name} is live in {stage.key.environment}",
            hint=f"materialise {stage.beside('model_deployment')} first",
        )
    version = ports.registry.version(stage.pipeline.stages.model_registry.model, live.version)
    if version.digest != live.digest:
        raise DataError(
            f"version {version.number} of {version.name} has digest {version.digest[:12]}, "
            f"deployed was {live.digest[:12]}",
            hint="somebody changed the registry behind the audit log; find out who before going on",
        )
    return version


def _predictions_check(window: str, rows: int, quarantined: int, metrics: Mapping[str, float]) -> CheckResult:
    invalid = int(metrics["predictions.invalid"])
    if not rows and not invalid:
        return CheckResult("predictions", "no_data", f"window {window} has no row to score, {quarantined} set aside")
    whole = f"{rows} rows have a finite prediction"
    reason = f"{invalid} of {rows + invalid} predictions are not finite" if invalid else whole
    aside = f", {quarantined} rows were set aside" if quarantined else ""
    return CheckResult("predictions", "error" if invalid else "ok", reason + aside, {"invalid": float(invalid)})


def _endpoint_check(address: str, probed: endpoint.Probed) -> CheckResult:
    if not probed.asked:
        return CheckResult("endpoint", "no_data", "there is no recorded row to ask the server about")
    rate = probed.metrics["error_rate"]
    reason = f"{probed.asked} requests to {address}, {rate:.1%} failed, p99 {probed.metrics['latency_ms.p99']:.0f} ms"
    if probed.first_error:
        reason += f"; the first failure: {probed.first_error}"
    return CheckResult("endpoint", "ok" if rate <= MAXIMUM_ERROR_RATE else "error", reason, probed.metrics)


def _unhealthy(serving: Any, version: ModelVersion) -> str:
    if serving is None:
        return f"version {version.number} is recorded as live, but nothing was ever started"
    if serving.status != "healthy":
        return f"{serving.address} is {serving.status}: {serving.detail}"
    return f"{serving.address} serves version {serving.version}, recorded as live is version {version.number}"


def _rows(stage: StageRun, ports: Ports, version: ModelVersion) -> "pd.DataFrame":
    """The newest recorded rows that have all inputs, up to 50; the model's input example where there are none."""
    key = stage.upstream("feature_store")
    for name in reversed(stage.outputs.windows(key)):
        rows: pd.DataFrame = stage.outputs.read(key, name).select(list(version.inputs)).to_pandas().dropna()
        if len(rows):
            return rows.tail(ROWS)
    example: pd.DataFrame = ports.registry.example(version)
    return example.dropna().head(ROWS)
