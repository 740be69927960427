"""Joint monitors in a pipeline: what they learn is kept with the model version, windows are judged with it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mlmon_dagster.adapters.tables import arrays_of
from mlmon_dagster.assets.monitoring_basis import EXCEEDS, joint_path
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import CheckResult, StageRun
from mlmon_dagster.drift.judging import Evidence
from mlmon_dagster.drift.monitor import Drift, Monitor, method_name
from mlmon_dagster.drift.multivariate.joint import JOINT, Learned
from mlmon_dagster.drift.multivariate.judging import (
    Basis,
    JointDrift,
    chosen,
    is_joint,
    judge_joint,
    judge_rows,
    profiled,
    unjudged,
)
from mlmon_dagster.drift.packing import pack, unpack
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.seasons import place
from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.windows import Window
from mlmon_dagster.ports import ModelRegistry, ModelVersion

if TYPE_CHECKING:
    import pyarrow


def learned_files(
    pipeline: Pipeline, reference: "pyarrow.Table", inputs: Sequence[str], profile: Profile
) -> dict[str, bytes]:
    """One file for each joint monitor that needs more of the reference than its profile has, from the reference's rows.

    `DataError` names a column that is missing.
    """
    monitors = [
        one
        for one in pipeline.stages.model_monitoring.monitors.values()
        if is_joint(one) and profiled(profile, one, tuple(inputs)) is None
    ]
    table = arrays_of(reference) if monitors else {}
    found = {}
    for monitor in monitors:
        learned: Learned = monitor.method.learn(chosen(monitor, table, tuple(inputs)))
        about = {"rows": reference.num_rows, **learned.about}
        found[_file(monitor.name)] = pack(about, learned.arrays)
    return found


def joint_checks(
    stage: StageRun, ports: Ports, version: ModelVersion, rows: "pyarrow.Table", evidence: Evidence
) -> tuple[list[CheckResult], dict[str, float], list[Drift]]:
    """The check of every joint monitor on a window, all metrics (`drift.joint.<method>` and others), the verdicts."""
    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    checks: list[CheckResult] = []
    metrics: dict[str, float] = {}
    drifts: list[Drift] = []
    monitors = [one for one in stage.pipeline.stages.model_monitoring.monitors.values() if is_joint(one)]
    table = arrays_of(rows) if monitors else {}
    for monitor in monitors:
        judged = judge_window(ports, version, monitor, stage.window, table, evidence)
        drift = judged.drift
        drifts.append(drift)
        measured = dict(judged.numbers)
        if drift.value is not None:
            measured[f"drift.{drift.column}.{drift.method}"] = drift.value
            measured |= {f"{EXCEEDS}{JOINT}": float(drift.exceeds)} if monitor.persistence else {}
        names = version.inputs if monitor.columns == "all" else monitor.columns
        row = {"column": ", ".join(names), "method": drift.method, "value": drift.value, "p_value": drift.p_value}
        row |= {"threshold": drift.threshold, "verdict": drift.verdict, "reason": drift.reason}
        checks.append(CheckResult(monitor.name, drift.verdict, drift.reason, measured, table=(row,)))
        metrics |= {name: value for name, value in measured.items() if not name.startswith(EXCEEDS)}
    return checks, metrics, drifts


def judge_window(
    ports: Ports,
    version: ModelVersion,
    monitor: Monitor,
    window: Window,
    table: Mapping[str, Any],
    evidence: Evidence,
    learned: Learned | None = None,
) -> JointDrift:
    """The verdict of one joint monitor on a window's rows; what it cannot be judged by is an error that says so.

    `learned` stands in the place of what is kept with the version.
    """
    past = evidence.past.get(monitor.name, {}).get(JOINT, ())
    basis = Basis(evidence.calibrations.get(monitor.name), evidence.rates.get(monitor.name, -1.0), past)
    try:
        rows = chosen(monitor, table, version.inputs)
        known = None if monitor.season or learned else profiled(evidence.profile, monitor, version.inputs)
        if known is not None:
            return judge_rows(known, evidence.profile.rows, rows, monitor, basis)
        learned = learned or _learned_for(ports, version, monitor, window)
    except MissingError:
        needed = f"{method_name(monitor.method)} needs more of the reference than the profile of version"
        why = f"{needed} {version.number} carries, and it was registered without; run the model_registry stage again"
        return unjudged(monitor, "error", why)
    except InputError as error:
        return unjudged(monitor, "error", str(error))
    if learned is None:
        season = str(monitor.season).replace("_", " ")
        return unjudged(monitor, "insufficient", f"the reference has too few rows at this {season}")
    return judge_joint(learned, rows, monitor, basis)


def is_known(registry: ModelRegistry, version: ModelVersion, monitor: Monitor, profile: Profile) -> bool:
    """Whether the version has what the monitor needs of the reference; of a season every place may be missing."""
    if monitor.season or profiled(profile, monitor, version.inputs) is not None:
        return True
    try:
        return bool(registry.file(version, _file(monitor.name)))
    except MissingError:
        return False


def _learned_for(ports: Ports, version: ModelVersion, monitor: Monitor, window: Window) -> Learned | None:
    """What the monitor learned of the reference, or of its place of the season; None for a place without rows."""
    registry: Any = ports.registry
    if monitor.season is None:
        return _learned(registry, version, _file(monitor.name))
    return _learned_of_season(
        registry, version, joint_path(monitor, monitor.season, place(monitor.season, window.start))
    )


@lru_cache(maxsize=32)
def _learned(registry: Any, version: ModelVersion, name: str) -> Learned:
    """What a monitor keeps of the reference, kept for other windows: a version never changes."""
    about, arrays = unpack(registry.file(version, name), "what a joint monitor keeps of the reference")
    return Learned(about, arrays)


def _learned_of_season(registry: Any, version: ModelVersion, path: str) -> Learned | None:
    try:
        about, arrays = unpack(registry.attached(version, path), "what a joint monitor keeps of a season")
    except MissingError:
        return None
    return Learned(about, arrays)


def _file(monitor: str) -> str:
    return f"joint.{monitor}.zip"
