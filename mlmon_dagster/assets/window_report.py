"""The page of a judged window: an output of monitoring beside its document, for people and for evidence."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlmon_dagster.adapters.local.object_store import FileObjectStore
from mlmon_dagster.adapters.report.page import Report, Trend
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.judging import Evidence
from mlmon_dagster.drift.monitor import Drift
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.ports import ModelVersion

PAST = 52
"""Windows before this one that a trend shows."""


def write_window_report(
    stage: StageRun,
    ports: Ports,
    version: ModelVersion,
    evidence: Evidence,
    window: Mapping[str, Column],
    drifts: Sequence[Drift],
) -> Path | str:
    """Writes the page and says where it is: a path where the store is a folder, else the key in the store."""
    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    facts = {
        "pipeline": f"{stage.pipeline.name}, {stage.key.environment}",
        "window": f"{stage.window.key}: {stage.window.start:%Y-%m-%d %H:%M} to {stage.window.end:%Y-%m-%d %H:%M} UTC",
        "model": f"{version.name} version {version.number}, digest {version.digest[:12]}",
        "reference": f"{evidence.profile.rows:,} rows",
    }
    title = f"Drift of {stage.pipeline.name}, {stage.window.key}"
    segments = {name: (sides.reference or {}, sides.window) for name, sides in evidence.segments.items()}
    report = Report(title, facts, evidence.profile.columns, window, drifts, _trends(stage, ports, drifts), segments)
    key = stage.outputs.write_page(stage.key, stage.window.key, report.html)
    return stage.outputs.store.root / key if isinstance(stage.outputs.store, FileObjectStore) else key


def _trends(stage: StageRun, ports: Ports, drifts: Sequence[Drift]) -> dict[tuple[str, str], Trend]:
    """What each monitor measured on each column in the windows before this one, and in it."""
    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    before = stage.pipeline.windows.before(stage.window, PAST)
    keys = [one.key for one in before]
    if not keys:
        return {}
    history = ports.governance.judgements.history(stage.pipeline.name, stage.key.environment, since=keys[0])
    judged = {(one.check, one.window): one for one in history}
    while keys and not any((drift.monitor, keys[0]) in judged for drift in drifts):
        del keys[0]
    return {(drift.monitor, drift.metric): _trend(drift, keys, judged, stage.window.key) for drift in drifts}


def _trend(drift: Drift, keys: Sequence[str], judged: Mapping[tuple[str, str | None], Judged], now: str) -> Trend:
    past = [judged.get((drift.monitor, key)) for key in keys]
    values = [None if one is None else one.metrics.get(drift.metric) for one in past]
    return Trend((*keys, now), (*values, drift.value), (drift.threshold,) * (len(keys) + 1))
