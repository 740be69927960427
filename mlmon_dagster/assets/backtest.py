"""Replays recorded windows: what another threshold, method or budget would have called, beside what was called."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic_core import PydanticCustomError

from mlmon_dagster.adapters.tables import arrays_of
from mlmon_dagster.assets.counting import window_columns
from mlmon_dagster.assets.judged_rows import JudgedRows, judged_rows
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.replay_basis import ReplayBasis, with_monitors
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.budget import AlarmBudget
from mlmon_dagster.drift.judging import Evidence, exceeding, judge_all
from mlmon_dagster.drift.monitor import Drift, Monitor, Verdict, window_verdict
from mlmon_dagster.drift.multivariate.judging import is_joint
from mlmon_dagster.drift.peers import Compatible
from mlmon_dagster.drift.persistence import Persistence
from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.pipeline.monitors import require_fitting
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import BATCH
from mlmon_dagster.plugins import names, parse, unknown


@dataclass(frozen=True)
class Change:
    """What is tried in place of what the monitors declare; None leaves it as it is."""

    method: str | None = None
    threshold: float | None = None
    alarm_budget: AlarmBudget | None = None
    persistence: Persistence | None = None

    def fits(self, monitor: Monitor) -> bool:
        """Whether it can be tried on the monitor."""
        if self.method is None and self.threshold is None and self.alarm_budget is None:
            return True
        another = self.method is not None and self.method not in names(family_of(monitor))
        return not another and not isinstance(monitor.method, Compatible)

    def of(self, monitor: Monitor) -> Monitor:
        """The monitor so changed. A threshold or a budget alone replaces the other, as it would in the declaration."""
        family = family_of(monitor)
        if not self.fits(monitor) and isinstance(monitor.method, Compatible):
            raise InputError(
                f"{monitor.name} judges by the rule of {monitor.method.peer}: no other method, threshold or budget",
                hint="name another monitor, or try --persistence alone",
            )
        if self.method is not None and self.method not in names(family):
            several = "several columns at once" if family == "joint" else "single columns"
            raise InputError(
                f"{monitor.name} measures {several}, which {self.method} does not",
                hint=f"methods that do: {', '.join(names(family))}",
            )
        if self.method is not None and family == "joint" and monitor.season:
            raise InputError(
                f"{monitor.name} has a season, and what {self.method} would have learned of its places is not there",
                hint="leave --method out, or the season",
            )
        method = monitor.method if self.method is None else parse(family, self.method)
        changed = replace(monitor, method=method, persistence=self.persistence or monitor.persistence)
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

    Without a named monitor, by every monitor that the change fits.

    `stage` is monitoring in the environment that is replayed, for any window. Each window is compared with the
    reference of the version that predicted it. Persistence counts what the replay itself found. A budget that the
    version was not calibrated for is calibrated here on the same reference, whose rows are read again where they are
    needed (`ReplayBasis`).
    Raises `MissingError` for a monitor that is not declared or an environment without recorded windows.
    """
    declared = _monitors(stage.pipeline, monitor)
    if monitor is None:
        declared = {name: one for name, one in declared.items() if change.fits(one)}
    if not declared:
        raise MissingError(f"{stage.pipeline.name} has no monitor that this could be tried on")
    monitors = {name: change.of(one) for name, one in declared.items()}
    try:
        require_fitting(stage.pipeline.windows, monitors)
    except PydanticCustomError as error:
        raise InputError(error.message()) from error
    judgements = ports.governance.judgements.history(stage.pipeline.name, stage.key.environment)
    recorded = {(one.check, one.window): one.verdict for one in judgements}
    windows = _recorded(stage, {str(one.window) for one in judgements if one.window}, since, until)
    learning = frozenset(monitors) if change.method is not None else frozenset()
    basis = ReplayBasis(replace(stage, pipeline=with_monitors(stage.pipeline, monitors)), ports, learning)
    past: dict[tuple[str, str], dict[str, bool]] = {}
    for key in windows:
        at = replace(stage, window=stage.pipeline.windows.window(key))
        judged = judged_rows(at)
        before = {name: _past(stage.pipeline, one, key, past) for name, one in monitors.items() if one.persistence}
        evidence = basis.evidence(at, judged, before)
        columns = window_columns(at, evidence.profile, judged.rows)
        found = judge_all({name: one for name, one in monitors.items() if not is_joint(one)}, evidence, columns)
        for name, drifts in {**found, **_together(basis, at, monitors, judged, evidence)}.items():
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
    basis: ReplayBasis, stage: StageRun, monitors: Mapping[str, Monitor], judged: JudgedRows, evidence: Evidence
) -> dict[str, tuple[Drift, ...]]:
    """The verdicts of joint monitors."""
    joint = {name: one for name, one in monitors.items() if is_joint(one)}
    table, version = arrays_of(judged.rows) if joint else {}, basis.version(judged)
    return {name: (basis.judged(stage, version, one, table, evidence),) for name, one in joint.items()}


def family_of(monitor: Monitor) -> str:
    """The family of plug-ins that its method is of."""
    return "joint" if is_joint(monitor) else "method"


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
