"""What monitors need of the reference beside its profile: thresholds for alarm budgets, and the reference by season.

Made where a model is registered, kept beside its version, and read where a window is judged.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mlmon_dagster.assets.attached import attached, attached_profile
from mlmon_dagster.assets.drift_segments import season_path, segments_of
from mlmon_dagster.assets.reference_windows import Reference, ReferenceWindow
from mlmon_dagster.drift.calibration import Calibration, Part, calibrate
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.judging import Evidence, Past
from mlmon_dagster.drift.monitor import Monitor
from mlmon_dagster.drift.multivariate.calibration import calibrate_joint
from mlmon_dagster.drift.multivariate.judging import chosen, is_joint
from mlmon_dagster.drift.packing import pack
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.seasons import Season, place
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.pipeline.windows import Window
from mlmon_dagster.ports import Judgements, ModelRegistry, ModelVersion

EXCEEDS = "exceeds."
"""Metric of a check with persistence: whether a column was above its threshold in that window, 1 or 0."""


def rates(pipeline: Pipeline) -> dict[str, float]:
    """Monitor -> share of windows that its alarm budget lets alarm, for every monitor that has one."""
    monitors = pipeline.stages.model_monitoring.monitors
    return {
        name: monitor.alarm_budget.rate(pipeline.windows.days)
        for name, monitor in monitors.items()
        if monitor is not None and monitor.alarm_budget
    }


def needs_basis(pipeline: Pipeline) -> bool:
    """Whether any monitor has an alarm budget or a season."""
    monitors = pipeline.stages.model_monitoring.monitors.values()
    return any(one is not None and (one.alarm_budget or one.season) for one in monitors)


def make_basis(pipeline: Pipeline, reference: Reference) -> tuple[dict[str, bytes], dict[str, Calibration]]:
    """The files to attach to a version, and the calibration of every monitor with an alarm budget."""
    monitors = {name: one for name, one in pipeline.stages.model_monitoring.monitors.items() if one is not None}
    single = [monitor for monitor in monitors.values() if not is_joint(monitor)]
    seasons = {
        (monitor.season, segment): _by_place(monitor.season, reference.filled(segment), segment)
        for monitor in single
        if monitor.season
        for segment in (None, *segments_of(pipeline, monitor))
    }
    calibrations = {}
    for name, rate in rates(pipeline).items():
        monitor = monitors[name]
        if is_joint(monitor):
            rows = chosen(monitor, reference.table, reference.inputs)
            usual, own = reference.usual_rows(), slices(reference.windows)
            calibrations[name] = calibrate_joint(monitor, rows, rate, usual, own)
            continue
        whole, *parts = (_part(reference, monitor, seasons, one) for one in (None, *segments_of(pipeline, monitor)))
        segments = dict(zip(segments_of(pipeline, monitor), parts, strict=True))
        calibrations[name] = calibrate(reference.profile, monitor, rate, whole.usual_rows, whole.own, segments)
    files = {_calibration_path(name): one.to_bytes() for name, one in calibrations.items()}
    for monitor in monitors.values():
        if is_joint(monitor) and monitor.season:
            rows = chosen(monitor, reference.table, reference.inputs)
            files |= _seasonal(monitor, monitor.season, reference.windows, rows)
    for (season, segment), profiles in seasons.items():
        files |= {_season_path(season, at, segment): one.to_bytes() for at, one in profiles.items()}
    return files, calibrations


def _part(
    reference: Reference,
    monitor: Monitor,
    seasons: Mapping[tuple[Season, str | None], Mapping[int, Profile]],
    segment: str | None,
) -> Part:
    """All rows or a segment's, and its own windows, each beside the reference that it belongs to."""
    whole, season = reference.of(segment), monitor.season
    own = [
        (seasons[season, segment][place(season, one.window.start)] if season else whole, one.part(segment))
        for one in reference.filled(segment)
    ]
    return Part(whole, reference.usual_rows(segment), own)


def read_basis(
    pipeline: Pipeline, registry: ModelRegistry, version: ModelVersion, window: Window, past: Mapping[str, Past]
) -> Evidence:
    """What a window is judged by; a calibration or season that the version lacks is left out, and so never green."""
    monitors = {name: one for name, one in pipeline.stages.model_monitoring.monitors.items() if one is not None}
    calibrations = {name: _calibration(registry, version, name) for name, one in monitors.items() if one.alarm_budget}
    seasons = {
        name: attached_profile(registry, version, _season_path(one.season, place(one.season, window.start)))
        for name, one in monitors.items()
        if one.season and not is_joint(one)
    }
    return Evidence(
        Profile.from_bytes(registry.profile(version)),
        {name: found for name, found in seasons.items() if found is not None},
        {name: found for name, found in calibrations.items() if found is not None},
        rates(pipeline),
        past,
    )


def slices(windows: Sequence[ReferenceWindow]) -> list[tuple[int, int]]:
    """First row and end of each window in the rows of all of them."""
    ends = np.cumsum([0, *(one.rows() for one in windows)]).tolist()
    return list(pairwise(ends))


def _seasonal(
    monitor: Monitor, season: Season, windows: Sequence[ReferenceWindow], table: Mapping[str, Any]
) -> dict[str, bytes]:
    """What a joint monitor learns of the reference at each place of its season, where there are rows enough."""
    grouped: dict[int, list[int]] = {}
    for one, (start, stop) in zip(windows, slices(windows), strict=True):
        grouped.setdefault(place(season, one.window.start), []).extend(range(start, stop))
    files = {}
    for at, rows in sorted(grouped.items()):
        if len(rows) >= monitor.minimum_rows:
            learned = monitor.method.learn({name: np.asarray(values)[rows] for name, values in table.items()})
            files[joint_path(monitor, season, at)] = pack({"rows": len(rows), **learned.about}, learned.arrays)
    return files


def joint_path(monitor: Monitor, season: Season, at: int) -> str:
    """Where what a joint monitor learned of a place of its season is kept beside the version."""
    return f"seasons/{season}/{monitor.name}/{at:03}.zip"


def read_past(
    pipeline: Pipeline, judgements: Judgements, key: StageKey, version: ModelVersion, window: Window
) -> dict[str, Past]:
    """Monitor -> what its persistence needs of the windows before; another version's verdicts do not count."""
    found: dict[str, Past] = {}
    for name, monitor in pipeline.stages.model_monitoring.monitors.items():
        if monitor is None or monitor.persistence is None:
            continue
        before = [one.key for one in pipeline.windows.before(window, monitor.persistence.of - 1)]
        since = before[0] if before else window.key
        history = judgements.history(key.pipeline, key.environment, name, since=since)
        judged = {one.window: one.metrics for one in history if one.version == version.number}
        columns = {metric for metrics in judged.values() for metric in metrics if metric.startswith(EXCEEDS)}
        found[name] = {
            column.removeprefix(EXCEEDS): tuple(_above(judged.get(one, {}).get(column)) for one in before)
            for column in columns
        }
    return found


def _above(metric: float | None) -> bool | None:
    return None if metric is None else metric > 0


def _by_place(season: Season, windows: Sequence[ReferenceWindow], segment: str | None) -> dict[int, Profile]:
    grouped: dict[int, list[Mapping[str, Column]]] = {}
    for one in windows:
        grouped.setdefault(place(season, one.window.start), []).append(one.part(segment))
    return {at: Profile.of(joined(group)) for at, group in sorted(grouped.items())}


def joined(parts: Sequence[Mapping[str, Column]]) -> dict[str, Column]:
    """The rows of several sets of the same columns, together."""
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def _joined(parts: Sequence[Column]) -> Column:
    kind = next((part.kind for part in parts if part.present), parts[0].kind)
    filled = [part for part in parts if part.present] or [parts[0]]
    values, places = np.unique(np.concatenate([part.values for part in filled]), return_inverse=True)
    counts = np.bincount(
        places, weights=np.concatenate([part.counts for part in filled]), minlength=len(values)
    ).astype(np.int64)
    missing, infinite = sum(part.missing for part in parts), sum(part.infinite for part in parts)
    return Column(parts[0].name, kind, values, counts, missing, infinite)


def _calibration(registry: Any, version: ModelVersion, name: str) -> Calibration | None:
    content = attached(registry, version, _calibration_path(name))
    return None if content is None else Calibration.from_bytes(content)


def _calibration_path(monitor: str) -> str:
    return f"calibrations/{monitor}.json"


def _season_path(season: Season, at: int, segment: str | None = None) -> str:
    return f"seasons/{season}/{at:03}.profile" if segment is None else season_path(season, at, segment)
