"""Stage 7: measures a scored window against the reference, judges it, and compares predictions with late labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.assets.attribution import attribution_checks
from mlmon_dagster.assets.challenger import challenger_checks
from mlmon_dagster.assets.counting import window_columns
from mlmon_dagster.assets.drift_segments import segmented
from mlmon_dagster.assets.estimate import estimate_checks
from mlmon_dagster.assets.joint import joint_checks
from mlmon_dagster.assets.judged_rows import JudgedRows, judged_rows
from mlmon_dagster.assets.labels import concept, label_checks
from mlmon_dagster.assets.monitoring_basis import EXCEEDS, read_basis, read_past
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import CheckResult, StageResult, StageRun
from mlmon_dagster.assets.window_report import write_window_report
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.judging import Evidence, exceeding, judge_all
from mlmon_dagster.drift.monitor import Drift, Monitor, method_name, verdict_of, window_verdict
from mlmon_dagster.drift.multivariate.judging import is_joint
from mlmon_dagster.drift.peers import Compatible
from mlmon_dagster.pipeline.monitoring import ATTRIBUTION, CHALLENGER, ESTIMATE, PERFORMANCE_DRIFT, TARGET_DRIFT
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import ModelVersion


def checks(pipeline: Pipeline) -> Mapping[str, str]:
    """One check for each monitor, each declared check, and performance where it is declared."""
    declared = pipeline.stages.model_monitoring
    texts = {
        name: f"The window has not drifted from the reference ({_limit(monitor)})."
        for name, monitor in declared.monitors.items()
    }
    texts |= {name: f"The window's metrics pass `{name}`." for name in declared.checks}
    if declared.attribution:
        texts[ATTRIBUTION] = "The model leans on the features that it leaned on in the reference."
    if ESTIMATE in declared.immediate_checks:
        texts[ESTIMATE] = "As far as can be told without labels, the metric is as good as on the reference."
    if declared.performance:
        texts[TARGET_DRIFT] = "The window's labels are distributed as on the reference, once they are there."
        texts[PERFORMANCE_DRIFT] = f"`{declared.performance.metric}` is as good as on the reference, once labels are."
        if declared.performance.challenger:
            texts[CHALLENGER] = "The version that answered beside the live one is no worse, as far as labels tell."
    return texts


def run(stage: StageRun, declared: Declared, ports: Ports) -> StageResult:
    """Judges a window's predictions with the profile of the version that gave them.

    Raises `BlockedError` when there are none yet, and `MissingError` when the version has no reference profile:
    without a reference there is no score.
    """
    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    judged = judged_rows(stage)
    version = ports.registry.version(stage.pipeline.stages.model_registry.model, judged.version)
    past = read_past(stage.pipeline, ports.governance.judgements, stage.key, version, stage.window)
    evidence = read_basis(stage.pipeline, ports.registry, version, stage.window, past)
    rows = judged.rows
    evidence = replace(evidence, segments=segmented(stage, ports.registry, version, rows))
    window = window_columns(stage, evidence.profile, rows)
    found, drifts = _judge_monitors(stage.pipeline, evidence, window)
    metrics = {"rows": float(rows.num_rows), **_drift_metrics(drifts), **_missing_metrics(window)}
    metrics |= {"rows.other_versions": float(judged.others)} if judged.others else {}
    labelled, measured = label_checks(stage, ports, version, rows)
    challenged, beside = challenger_checks(stage, ports)
    metrics |= beside
    estimated = estimate_checks(stage, ports, version, rows) + attribution_checks(stage, ports, version, rows)
    joint, measured_jointly, together = joint_checks(stage, ports, version, rows, evidence)
    metrics |= measured_jointly
    metrics |= measured | {name: value for check in estimated for name, value in check.metrics.items()}
    found += _judge_checks(stage.pipeline, metrics)
    found += joint + estimated + labelled + challenged
    digest = stage.outputs.write_document(stage.key, stage.window.key, _document(judged, version, metrics, found))
    page = write_window_report(stage, ports, version, evidence, window, [*drifts, *together])
    facts = {
        "report": page,
        "version": version.number,
        "verdict": verdict_of([check.verdict for check in found]),
        "concept": concept(labelled),
        "drifted": sorted({drift.title for drift in [*drifts, *together] if drift.verdict == "drift"}),
    }
    return StageResult(digest, metrics, tuple(found), facts)


def _judge_monitors(
    pipeline: Pipeline, evidence: Evidence, window: Mapping[str, Column]
) -> tuple[list[CheckResult], list[Drift]]:
    declared = pipeline.stages.model_monitoring.monitors
    monitors = {name: monitor for name, monitor in declared.items() if not is_joint(monitor)}
    judged = judge_all(monitors, evidence, window)
    found = [_monitor_check(name, judged[name], persists=monitors[name].persistence is not None) for name in monitors]
    return found, [drift for drifts in judged.values() for drift in drifts]


def _monitor_check(name: str, judged: tuple[Drift, ...], *, persists: bool) -> CheckResult:
    telling = _told([one for one in judged if (one.verdict != "ok" or one.exceeds) and not _thin_segment(one)])
    telling += _thin_segments(judged)
    measured = {drift.metric: drift.value for drift in judged if drift.value is not None}
    if persists:
        measured |= {f"{EXCEEDS}{column}": float(above) for column, above in exceeding(judged).items()}
    segments = any(drift.segment for drift in judged)
    table = tuple(
        {
            "column": drift.column,
            **({"segment": drift.segment or ""} if segments else {}),
            "method": drift.method,
            "value": drift.value,
            "threshold": drift.threshold,
            "p_value": drift.p_value,
            "verdict": drift.verdict,
            "reason": drift.reason,
        }
        for drift in judged
    )
    columns = f"{len(judged)} columns stay" if len(judged) != 1 else "1 column stays"
    reason = "; ".join(telling) or f"{columns} within {'their thresholds' if len(judged) != 1 else 'its threshold'}"
    return CheckResult(name, window_verdict(judged), reason, measured, table=table)


def _told(drifts: Sequence[Drift]) -> list[str]:
    """One phrase for each column: the reason of its largest distance, and by which other methods it drifted too."""
    found: dict[tuple[str, str], list[Drift]] = {}
    for one in drifts:
        found.setdefault((one.place, one.verdict), []).append(one)
    said = []
    for several in found.values():
        first, *others = sorted(several, key=lambda one: -(one.value or 0) / (one.threshold or 1))
        also = [f"{one.method} ({one.value:.3g} above {one.threshold:.3g})" for one in others if one.threshold]
        said.append(first.reason + (f"; so by {', '.join(also)}" if also else ""))
    return said


def _thin_segment(drift: Drift) -> bool:
    return drift.segment is not None and drift.verdict in ("no_data", "insufficient")


def _thin_segments(judged: tuple[Drift, ...]) -> list[str]:
    """One phrase for each segment with too few rows."""
    found: dict[str, list[str]] = {}
    for one in judged:
        if _thin_segment(one):
            found.setdefault(str(one.segment), []).append(one.reason)
    return [
        first + (f" (and so for {len(others)} more columns)" if others else "") for first, *others in found.values()
    ]


def _judge_checks(pipeline: Pipeline, metrics: Mapping[str, float]) -> list[CheckResult]:
    found = []
    for name, check in pipeline.stages.model_monitoring.checks.items():
        judgement = check.judge(metrics)
        found.append(CheckResult(name, judgement.verdict, judgement.reason))
    return found


def _drift_metrics(drifts: list[Drift]) -> dict[str, float]:
    """The distance of every column, also of segments, and the share of columns that drifted (requirement X6)."""
    values = {drift.metric: drift.value for drift in drifts if drift.value is not None}
    whole = [drift for drift in drifts if drift.segment is None]
    columns = {drift.column for drift in whole}
    drifted = {drift.column for drift in whole if drift.verdict == "drift"}
    return values | ({"drifted.share": len(drifted) / len(columns)} if columns else {})


def _missing_metrics(window: Mapping[str, Column]) -> dict[str, float]:
    return {f"missing.{name}": column.missing / column.rows for name, column in window.items() if column.rows}


def _document(
    judged: JudgedRows, version: ModelVersion, metrics: Mapping[str, float], found: list[CheckResult]
) -> dict[str, Any]:
    return {
        "predictions": judged.digest,
        "model": {"name": version.name, "number": version.number, "digest": version.digest},
        "metrics": {name: value if value == value else None for name, value in metrics.items()},
        "checks": [{"name": check.name, "verdict": check.verdict, "reason": check.reason} for check in found],
    }


def _limit(monitor: Monitor) -> str:
    """What the monitor holds against the window, in words."""
    if isinstance(monitor.method, Compatible):
        return f"{monitor.method.method} by the rule of {monitor.method.peer}"
    limit = f" above {monitor.threshold:g}" if monitor.threshold is not None else ""
    limit += f" beyond a budget of {monitor.alarm_budget} false alarms" if monitor.alarm_budget else ""
    limit += f" in {monitor.persistence}" if monitor.persistence else ""
    return f"{method_name(monitor.method)}{limit}"
