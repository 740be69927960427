"""Joint monitors in a pipeline: what they learn is kept with the model version, windows are judged with it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from mlmon_dagster.adapters.tables import arrays_of
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import CheckResult, StageRun
from mlmon_dagster.drift.multivariate.joint import Learned
from mlmon_dagster.drift.multivariate.judging import chosen, is_joint, judge_joint
from mlmon_dagster.drift.packing import pack, unpack
from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import ModelVersion

if TYPE_CHECKING:
    import pyarrow


def learned_files(pipeline: Pipeline, reference: "pyarrow.Table", inputs: Sequence[str]) -> dict[str, bytes]:
    """One file for each joint monitor of the pipeline, from the reference's rows; `DataError` names what is missing."""
    monitors = [one for one in pipeline.stages.model_monitoring.monitors.values() if is_joint(one)]
    table = arrays_of(reference) if monitors else {}
    found = {}
    for monitor in monitors:
        learned: Learned = monitor.method.learn(chosen(monitor, table, tuple(inputs)))
        about = {"rows": reference.num_rows, **learned.about}
        found[_file(monitor.name)] = pack(about, learned.arrays)
    return found


def joint_checks(
    stage: StageRun, ports: Ports, version: ModelVersion, rows: "pyarrow.Table"
) -> tuple[list[CheckResult], dict[str, float]]:
    """The check of every joint monitor on a window, and all metrics: `drift.joint.<method>` and what it says beside."""
    checks: list[CheckResult] = []
    metrics: dict[str, float] = {}
    monitors = [one for one in stage.pipeline.stages.model_monitoring.monitors.values() if is_joint(one)]
    table = arrays_of(rows) if monitors else {}
    for monitor in monitors:
        try:
            learned = _learned(cast(Any, ports.registry), version, _file(monitor.name))
            window = chosen(monitor, table, version.inputs)
        except InputError as error:
            checks.append(CheckResult(monitor.name, "error", str(error)))
            continue
        judged = judge_joint(learned, window, monitor)
        drift = judged.drift
        measured = dict(judged.numbers)
        if drift.value is not None:
            measured[f"drift.{drift.column}.{drift.method}"] = drift.value
        row = {"column": ", ".join(window), "method": drift.method, "value": drift.value, "p_value": drift.p_value}
        row |= {"threshold": drift.threshold, "verdict": drift.verdict, "reason": drift.reason}
        checks.append(CheckResult(monitor.name, drift.verdict, drift.reason, measured, table=(row,)))
        metrics |= measured
    return checks, metrics


@lru_cache(maxsize=32)
def _learned(registry: Any, version: ModelVersion, name: str) -> Learned:
    """What a monitor keeps of the reference, kept for other windows: a version never changes."""
    about, arrays = unpack(registry.file(version, name), "what a joint monitor keeps of the reference")
    return Learned(about, arrays)


def _file(monitor: str) -> str:
    return f"joint.{monitor}.zip"
