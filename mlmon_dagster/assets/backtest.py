"""Replays recorded windows: what another threshold, method or budget would have called, beside what was called."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic_core import PydanticCustomError

from mlmon_dagster.adapters.tables import arrays_of
from mlmon_dagster.assets.drift_segments import segmented
from mlmon_dagster.assets.joint import judge_window
from mlmon_dagster.assets.judged_rows import JudgedRows, judged_rows
from mlmon_dagster.assets.monitoring_basis import read_basis
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.budget import AlarmBudget
from mlmon_dagster.drift.calibration import Calibration, calibrate, declaration_digest
from mlmon_dagster.drift.frames import columns_of
from mlmon_dagster.drift.judging import Evidence, Segmented, exceeding, judge_all
from mlmon_dagster.drift.monitor import Drift, Monitor, Verdict, window_verdict
from mlmon_dagster.drift.multivariate.judging import is_joint
from mlmon_dagster.drift.persistence import Persistence
from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.pipeline.monitors import require_fitting
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import BATCH
from mlmon_dagster.plugins import parse, unknown
from mlmon_dagster.ports import ModelVersion


@dataclass(frozen=True)
class Change:
    """What is tried in place of what the monitors declare; None leaves it as it is."""

    method: str | None = None
    threshold: float | None = None
    alarm_budget: AlarmBudget | None = None
    persistence: Persistence | None = None

    def of(self, monitor: Monitor) -> Monitor:
        """The monitor so changed. A threshold or a budget alone replaces the other, as it would in the declaration."""
        if self.method is not None and is_joint(monitor):
            raise InputError(
                f"{monitor.name} measures several columns at once, and what another method would have learned of the "
                "reference is not kept",
                hint="leave --method out, or name a monitor of single columns",
            )
        method = monitor.method if self.method is None else parse("method", self.method)
        changed = replace(monitor, method=method, persistence=self.persistence or monitor.persistence)
        if self.alarm_budget is not None or self.persistence is not None:
            changed = replace(changed, segments=())  # they are judged by threshold and significance
        if self.alarm_budget is not None:
            return replace(changed, alarm_budget=self.alarm_budget, threshold=self.threshold)
        if self.threshold is not None:
            return replace(changed, alarm_budget=None, threshold=self.threshold)
        if self.method is not None and monitor.alarm_budget is None:
            return replace(changed, threshold=method.default_threshold)
        return changed


@dataclass(frozen=True)
class Replayed:
    """One monitor on one recorded window: the verdict of then, and the verdict it would have now."""

    window: str
    monitor: str
    version: int
    rows: int
    recorded: str | None
    """None where monitoring never judged the window."""
    verdict: Verdict
    drifts: tuple[Drift, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """Columns that would have been called drift."""
        return tuple(one.title for one in self.drifts if one.verdict == "drift")


def replay(
    stage: StageRun,
    ports: Ports,
    change: Change,
    monitor: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Iterator[Replayed]:
    """Judges every recorded window from `since` to `until` (keys, both included) again, oldest first.

    `stage` is monitoring in the environment that is replayed, for any window. Each window is compared with the
    reference of the version that predicted it. Persistence counts what the replay itself found. A budget that the
    version was not calibrated for is calibrated here, on the same reference.
    Raises `MissingError` for a monitor that is not declared or an environment without recorded windows.
    """
    declared = _monitors(stage.pipeline, monitor)
    if change.method is not None and monitor is None:
        declared = {name: one for name, one in declared.items() if not is_joint(one)}
    monitors = {name: change.of(one) for name, one in declared.items()}
    try:
        require_fitting(stage.pipeline.windows, monitors)
    except PydanticCustomError as error:
        raise InputError(error.message()) from error
    judgements = ports.governance.judgements.history(stage.pipeline.name, stage.key.environment)
    recorded = {(one.check, one.window): one.verdict for one in judgements}
    windows = _recorded(stage, {str(one.window) for one in judgements if one.window}, since, until)
    basis = _Basis(replace(stage, pipeline=_with(stage.pipeline, monitors)), ports)
    past: dict[tuple[str, str], dict[str, bool]] = {}
    for key in windows:
        judged = judged_rows(replace(stage, window=stage.pipeline.windows.window(key)))
        evidence = basis.evidence(key, judged)
        columns = columns_of(judged.rows, [one for one in judged.rows.column_names if one in evidence.profile.columns])
        before = {name: _past(stage.pipeline, one, key, past) for name, one in monitors.items() if one.persistence}
        evidence = replace(evidence, past=before, segments=basis.segments(judged))
        found = judge_all({name: one for name, one in monitors.items() if not is_joint(one)}, evidence, columns)
        for name, drifts in {**found, **_together(basis, ports, monitors, key, judged, evidence)}.items():
            past[name, key] = exceeding(drifts)
            verdict = window_verdict(drifts)
            rows = judged.rows.num_rows
            yield Replayed(key, name, judged.version, rows, recorded.get((name, key)), verdict, drifts)


def environment_of(pipeline: Pipeline, ports: Ports, named: str | None) -> str:
    """The environment to replay: the named one, else the last that has recorded windows."""
    if named is not None:
        if named not in pipeline.environments:
            raise MissingError(unknown(f"environment of {pipeline.name}", named, pipeline.environments))
        return named
    judged = [one for one in pipeline.environments if ports.governance.judgements.latest(pipeline.name, one)]
    return (judged or list(pipeline.environments))[-1]


def _monitors(pipeline: Pipeline, named: str | None) -> Mapping[str, Monitor]:
    declared = pipeline.stages.model_monitoring.monitors
    if named is None:
        return declared
    if named not in declared:
        raise MissingError(unknown(f"monitor of {pipeline.name}", named, tuple(declared)))
    return {named: declared[named]}


def _together(
    basis: "_Basis", ports: Ports, monitors: Mapping[str, Monitor], key: str, judged: JudgedRows, evidence: Evidence
) -> dict[str, tuple[Drift, ...]]:
    """The verdicts of joint monitors."""
    joint = {name: one for name, one in monitors.items() if is_joint(one)}
    table = arrays_of(judged.rows) if joint else {}
    window, version = basis.pipeline.windows.window(key), basis.version(judged)
    return {name: (judge_window(ports, version, one, window, table, evidence).drift,) for name, one in joint.items()}


def _with(pipeline: Pipeline, monitors: Mapping[str, Monitor]) -> Pipeline:
    monitoring = replace(pipeline.stages.model_monitoring, monitors=monitors)
    return replace(pipeline, stages=replace(pipeline.stages, model_monitoring=monitoring))


def _recorded(stage: StageRun, judged: set[str], since: str | None, until: str | None) -> list[str]:
    """Keys of the windows that were scored, or judged, oldest first."""
    names = sorted({*stage.outputs.windows(stage.beside(BATCH)), *judged})
    chosen = [name for name in names if (since or "") <= name and (until is None or name <= until)]
    if not chosen:
        there = f"recorded are {names[0]} to {names[-1]}" if names else "none is recorded yet"
        raise MissingError(f"{stage.pipeline.name} has no window in {stage.key.environment} to replay: {there}")
    return chosen


def _past(
    pipeline: Pipeline, monitor: Monitor, window: str, found: Mapping[tuple[str, str], Mapping[str, bool]]
) -> dict[str, tuple[bool | None, ...]]:
    assert monitor.persistence is not None  # noqa: S101 - asked for monitors that have one
    before = pipeline.windows.before(pipeline.windows.window(window), monitor.persistence.of - 1)
    judged = [found.get((monitor.name, one.key), {}) for one in before]
    columns = {column for one in judged for column in one}
    return {column: tuple(one.get(column) for one in judged) for column in columns}


class _Basis:
    """What windows of each version are judged by, calibrated once for each version."""

    def __init__(self, stage: StageRun, ports: Ports) -> None:
        self._stage, self._ports = stage, ports
        self._calibrated: dict[int, Mapping[str, Calibration]] = {}

    @property
    def pipeline(self) -> Pipeline:
        return self._stage.pipeline

    def version(self, judged: JudgedRows) -> ModelVersion:
        """The version that gave a window's predictions."""
        return self._ports.registry.version(self.pipeline.stages.model_registry.model, judged.version)

    def evidence(self, window: str, judged: JudgedRows) -> Evidence:
        pipeline, version = self.pipeline, self.version(judged)
        found = read_basis(pipeline, self._ports.registry, version, pipeline.windows.window(window), {})
        if judged.version not in self._calibrated:
            self._calibrated[judged.version] = self._calibrations(found, judged.rows.num_rows)
        return replace(found, calibrations=self._calibrated[judged.version])

    def segments(self, judged: JudgedRows) -> Mapping[str, Segmented]:
        """The window's segments beside those of the reference."""
        return segmented(self.pipeline, self._ports.registry, self.version(judged), judged.rows)

    def _calibrations(self, found: Evidence, usual_rows: int) -> Mapping[str, Calibration]:
        """Those that are kept beside the version where they fit, else new ones on the same reference."""
        calibrated: dict[str, Calibration] = {}
        for name, rate in found.rates.items():
            monitor, kept = self._stage.pipeline.stages.model_monitoring.monitors[name], found.calibrations.get(name)
            fits = kept is not None and kept.declaration == declaration_digest(monitor, rate)
            if is_joint(monitor):
                calibrated |= {name: kept} if kept and fits else {}  # its rows are not kept: it says so
                continue
            calibrated[name] = kept if kept and fits else _calibrate(found, monitor, rate, usual_rows, kept)
        return calibrated


def _calibrate(
    found: Evidence, monitor: Monitor, rate: float, usual_rows: int, kept: Calibration | None
) -> Calibration:
    """On the profile; how much the reference's own windows vary is known from a calibration that was kept."""
    made = calibrate(found.profile, monitor, rate, usual_rows)
    variations = {name: curve.variation for name, curve in kept.columns.items()} if kept else {}
    curves = {name: replace(one, variation=variations.get(name, 1.0)) for name, one in made.columns.items()}
    return replace(made, columns=curves)
