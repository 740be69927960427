"""Versions that answered beside each other are compared on their labels, when these land."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlmon_dagster.adapters.prediction_log.reading import read_origin, united
from mlmon_dagster.assets.judged_rows import flat, log_of
from mlmon_dagster.assets.labels import join_labels
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import CheckResult, StageRun
from mlmon_dagster.drift.challenger import Losses, compare, loss_of
from mlmon_dagster.drift.performance.classes import class_names
from mlmon_dagster.drift.sequential import Moments
from mlmon_dagster.errors import MlmonError
from mlmon_dagster.lifecycle.queries import deployments
from mlmon_dagster.pipeline.monitoring import CHALLENGER, LABEL, ChallengerRule, Performance

if TYPE_CHECKING:
    import pyarrow as pa

SIDES = ("champion", "challenger", "paired")
PARTS = ("labels", "loss", "variance")
"""`challenger.champion.loss` and so on: metrics of a window from which the comparison is made again at any time."""

PAIR = ("challenger.version", "challenger.champion_version")


def challenger_checks(stage: StageRun, ports: Ports) -> tuple[list[CheckResult], dict[str, float]]:
    """The check `challenger` and what this window adds to it; none where it is not declared.

    `ok` says that the newer version is not worse as far as labels tell, `drift` that it is, and `no_data` that no two
    versions answered in the same window so far.
    """
    performance = stage.pipeline.stages.model_monitoring.performance
    if performance is None or performance.challenger is None or stage.window is None:
        return [], {}
    try:
        measured = _measured(stage, ports, performance)
    except MlmonError as error:
        return [CheckResult(CHALLENGER, "error", error.message)], {}
    windows = _windows(stage, ports, measured)
    if not windows:
        reason = "no two versions answered in the same window, so nothing is compared"
        return [CheckResult(CHALLENGER, "no_data", reason)], measured
    pair = tuple(windows[-1][name] for name in PAIR)
    same = [one for one in windows if tuple(one[name] for name in PAIR) == pair]
    check = _judged(performance.challenger, performance.metric, pair, same)
    return [check], {**measured, **check.metrics}


def _judged(rule: ChallengerRule, metric: str, pair: tuple[float, ...], windows: list[dict[str, float]]) -> CheckResult:
    found = compare([Losses(*(_moments(one, side) for side in SIDES)) for one in windows], rule.difference)
    challenger, champion = (f"version {int(number)}" for number in pair)
    if found is None:
        return CheckResult(CHALLENGER, "insufficient", f"{challenger} and {champion} have too few labels to compare")
    worse, certain = found.difference > 0, found.p < rule.alpha
    how = "on the same requests" if found.paired else "on requests split between them"
    size = f"{abs(found.difference):.1%} {'more' if worse else 'less'} {loss_of(metric)} than {champion}"
    said = f"{challenger} has {size}, by {found.labels} labels {how} (p {found.p:.2g} at any time"
    told = f"{said}, {rule.alpha:g} decides)" if certain else f"{said}; {rule.alpha:g} would decide)"
    metrics = {"challenger.difference": found.difference, "challenger.p": found.p}
    return CheckResult(CHALLENGER, "drift" if worse and certain else "ok", told, metrics)


def _measured(stage: StageRun, ports: Ports, performance: Performance) -> dict[str, float]:
    """Moments of the losses of this window, where two versions answered in it; nothing where not."""
    callers, shadows = (_rows(stage, performance, origin) for origin in (None, "shadow"))
    seen = [rows for rows in (callers, shadows) if rows is not None]
    versions = {number for rows in seen for number in rows["model_version"].to_pylist()}
    order = {one.version: one.seq for one in deployments(ports.governance, stage.pipeline.name)}
    ranked = sorted(versions, key=lambda number: (order.get(number, 0), number))
    if callers is None or len(ranked) < 2:
        return {}
    challenger, champion = ranked[-1], ranked[-2]
    mine, theirs = _losses(callers, challenger, performance), _losses(callers, champion, performance)
    copied = _losses(shadows, challenger, performance) if shadows is not None else {}
    both = [copied[id_] - loss for id_, loss in theirs.items() if id_ in copied]
    found = dict(zip(PAIR, (float(challenger), float(champion)), strict=True))
    for side, values in zip(SIDES, (list(theirs.values()), list(mine.values()), both), strict=True):
        array = np.array(values, np.float64)
        numbers = (len(array), array.mean(), array.var()) if len(array) else (0, 0.0, 0.0)
        found |= {f"challenger.{side}.{part}": float(value) for part, value in zip(PARTS, numbers, strict=True)}
    return found


def _rows(stage: StageRun, performance: Performance, origin: str | None) -> "pa.Table | None":
    """Labelled predictions of the window that were asked for by `origin`; `None` without any."""
    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    directory, shipped = log_of(stage)
    model, window = stage.pipeline.stages.model_registry.model, stage.window
    found = united(read_origin(directory, shipped, model, origin, window.start, window.end), window.start, window.end)
    if found is None or not found.num_rows:
        return None
    return join_labels(stage, performance, flat(found)).rows


def _losses(rows: "pa.Table", version: int, performance: Performance) -> dict[str, float]:
    """Request id -> loss of the version's prediction."""
    import pyarrow.compute as pc

    of = rows.filter(pc.equal(rows["model_version"], version))
    labels, predictions = (of[name].to_numpy(zero_copy_only=False) for name in (LABEL, "prediction"))
    losses = _loss(loss_of(performance.metric), labels, predictions)
    return {id_: float(loss) for id_, loss in zip(of["request_id"].to_pylist(), losses, strict=True) if loss == loss}


def _loss(kind: str, labels: Any, predictions: Any) -> "np.ndarray":
    if kind == "wrong classes":
        wrong: np.ndarray = (np.asarray(class_names(labels)) != np.asarray(class_names(predictions))).astype(float)
        return wrong
    errors = np.asarray(predictions, np.float64) - np.asarray(labels, np.float64)
    found: np.ndarray = np.abs(errors) if kind == "absolute error" else errors**2
    return found


def _windows(stage: StageRun, ports: Ports, measured: dict[str, float]) -> list[dict[str, float]]:
    """What each window added, this one last to be counted once; oldest first."""
    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    names = (*PAIR, *(f"challenger.{side}.{part}" for side in SIDES for part in PARTS))
    found: dict[str, dict[str, float]] = {}
    for name in names:
        for one in ports.governance.metrics.series(stage.pipeline.name, stage.key.environment, name):
            if one.window is not None and one.window <= stage.window.key:
                found.setdefault(one.window, {})[name] = one.value
    found.pop(stage.window.key, None)
    if measured:
        found[stage.window.key] = measured
    return [one for _, one in sorted(found.items()) if set(names) <= set(one)]


def _moments(one: dict[str, float], side: str) -> Moments:
    count, mean, variance = (one[f"challenger.{side}.{part}"] for part in PARTS)
    return Moments(int(count), mean, variance)
